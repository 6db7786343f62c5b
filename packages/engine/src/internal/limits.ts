/**
 * Gives out what jobs need of an engine's limits, all of it in one step, and keeps those who wait for it in order.
 *
 * Jobs with the same needs stand in one queue a priority, so that only the heads are looked at. In a step the heads are asked in the order of priority and arrival. One that does not fit claims each limit that it is short of now: nobody behind
 * it takes of that one in this step. What it is not short of stays free for others.
 */

/** One limit of an engine. */
export interface Resource {
  readonly name: string
  limit: number
  used: number
  /** The step in which somebody claimed it. */
  claimed: number
}

/** Somebody who waits for what he needs. */
export interface Waiter {
  /** His neighbours in the queue. */
  before: Waiter | undefined
  behind: Waiter | undefined
  place: Queue | undefined
  arrived: number
  readonly level: number
}

/** Those who need the same. */
export class Queue {
  readonly signature: string
  readonly needs: ReadonlyArray<readonly [Resource, number]>
  readonly heads: Array<Waiter | undefined> = [undefined, undefined, undefined]
  readonly tails: Array<Waiter | undefined> = [undefined, undefined, undefined]
  size = 0
  /** Jobs that have not ended and need this. */
  users = 0
  constructor(signature: string, needs: ReadonlyArray<readonly [Resource, number]>) {
    this.signature = signature
    this.needs = needs
  }
  get head(): Waiter | undefined {
    return this.heads[0] ?? this.heads[1] ?? this.heads[2]
  }
  push(waiter: Waiter): void {
    const { level } = waiter
    const tail = this.tails[level]
    waiter.place = this
    waiter.before = tail
    waiter.behind = undefined
    if (tail === undefined) this.heads[level] = waiter
    else tail.behind = waiter
    this.tails[level] = waiter
    this.size++
  }
  remove(waiter: Waiter): void {
    const { before, behind, level } = waiter
    if (before === undefined) this.heads[level] = behind
    else before.behind = behind
    if (behind === undefined) this.tails[level] = before
    else behind.before = before
    waiter.place = waiter.before = waiter.behind = undefined
    this.size--
  }
}

export class Limits<W extends Waiter> {
  readonly resources = new Map<string, Resource>()
  private readonly queues = new Map<string, Queue>()
  /** Queues in which somebody waits. */
  private readonly busy = new Set<Queue>()
  /** Those who lent what they hold and want it back: before all others. */
  private readonly returning = new Set<Returning>()
  private steps = 0
  private arrivals = 0
  private readonly grant: (waiter: W) => void

  constructor(limits: Readonly<Record<string, number>>, grant: (waiter: W) => void) {
    this.grant = grant
    for (const [name, limit] of Object.entries(limits)) this.resources.set(name, { name, limit, used: 0, claimed: 0 })
  }

  /** The queue of a job's needs; each of them is a limit of this engine. */
  queueOf(signature: string, needs: Readonly<Record<string, number>>): Queue {
    let queue = this.queues.get(signature)
    if (queue === undefined) {
      const list = Object.entries(needs).flatMap(([name, amount]): ReadonlyArray<readonly [Resource, number]> =>
        amount === 0 ? [] : [[this.resources.get(name)!, amount]]
      )
      this.queues.set(signature, (queue = new Queue(signature, list)))
    }
    queue.users++
    return queue
  }

  /** A job of this queue has ended for good. */
  leave(queue: Queue): void {
    if (--queue.users === 0) this.queues.delete(queue.signature)
  }

  /** Puts somebody in his queue, or grants at once. */
  request(queue: Queue, waiter: W): void {
    if (this.busy.size === 0 && this.returning.size === 0 && fits(queue)) {
      take(queue)
      this.grant(waiter)
      return
    }
    waiter.arrived = ++this.arrivals
    queue.push(waiter)
    this.busy.add(queue)
    // Who is not the head of his queue changes nothing.
    if (queue.head === waiter) this.step()
  }

  /** Takes somebody out of his queue. */
  withdraw(waiter: W): void {
    const queue = waiter.place
    if (queue === undefined) return
    const wasHead = queue.head === waiter
    queue.remove(waiter)
    if (queue.size === 0) this.busy.delete(queue)
    if (wasHead) this.step()
  }

  /** Gives back what a job held. */
  release(queue: Queue): void {
    for (const [resource, amount] of queue.needs) resource.used -= amount
    if (this.busy.size > 0 || this.returning.size > 0) this.step()
  }

  /** Wants back what was lent; `back` is called, perhaps at once, when it is there. Gives a function that withdraws the wish. */
  takeBack(queue: Queue, back: () => void): () => void {
    const wish: Returning = { queue, back }
    this.returning.add(wish)
    this.step()
    return () => {
      if (this.returning.delete(wish)) this.step()
    }
  }

  resize(limits: Readonly<Record<string, number>>): void {
    for (const [name, limit] of Object.entries(limits)) this.resources.get(name)!.limit = limit
    this.step()
  }

  /** Jobs that wait and need more of a limit than there is. */
  *tooBig(): Iterable<Waiter> {
    for (const queue of this.busy) {
      if (!isTooBig(queue)) continue
      for (const head of queue.heads) for (let w = head; w !== undefined; w = w.behind) yield w
    }
  }

  private step(): void {
    const step = ++this.steps
    for (const wish of this.returning) {
      const claims = shortOf(wish.queue, step, true)
      if (claims === undefined) {
        this.returning.delete(wish)
        take(wish.queue)
        wish.back()
      } else for (const resource of claims) resource.claimed = step
    }
    if (this.busy.size === 0) return
    const asked = new Set<Queue>()
    for (;;) {
      const queue = this.first(asked)
      if (queue === undefined) return
      const head = queue.head as W
      const claims = shortOf(queue, step)
      if (claims === undefined) {
        queue.remove(head)
        if (queue.size === 0) this.busy.delete(queue)
        take(queue)
        this.grant(head)
        continue
      }
      asked.add(queue)
      // One for whom there is not enough even when nothing runs holds nobody up.
      if (isTooBig(queue)) continue
      for (const resource of claims) resource.claimed = step
    }
  }

  private first(asked: ReadonlySet<Queue>): Queue | undefined {
    let first: Queue | undefined
    let best: Waiter | undefined
    for (const queue of this.busy) {
      if (asked.has(queue)) continue
      const head = queue.head!
      if (best === undefined || head.level < best.level || (head.level === best.level && head.arrived < best.arrived)) {
        first = queue
        best = head
      }
    }
    return first
  }
}

interface Returning {
  readonly queue: Queue
  readonly back: () => void
}

const fits = (queue: Queue): boolean => {
  for (const [resource, amount] of queue.needs) if (resource.used + amount > resource.limit) return false
  return true
}

const isTooBig = (queue: Queue): boolean => queue.needs.some(([resource, amount]) => amount > resource.limit)

const take = (queue: Queue): void => {
  for (const [resource, amount] of queue.needs) resource.used += amount
}

/** What is missing or claimed; `undefined` if nothing is. */
const shortOf = (queue: Queue, step: number, back = false): ReadonlyArray<Resource> | undefined => {
  let short: Array<Resource> | undefined
  for (const [resource, amount] of queue.needs) {
    // A limit may have become smaller than what was lent of it: then that comes back when nothing else of it is taken.
    const limit = back ? Math.max(resource.limit, amount) : resource.limit
    if (resource.claimed === step || resource.used + amount > limit) (short ??= []).push(resource)
  }
  return short
}
