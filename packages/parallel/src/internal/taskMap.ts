/**
 * The bulk form of a task: its items travel in chunks, and each has an outcome of its own.
 *
 * The pump runs chunks, `2 × width` of them, so that each worker has the next one when it ends one. What is known of an item comes from its worker: when it began, when it ended, what became of it. A chunk that ends before
 * all of its items have begun, be it that its worker has died, gives the others back: they are the first in the next chunks.
 *
 * ```
 * pulled ──▶ in a chunk ──began──▶ running ──ended──▶ settled
 *               ▲   │                  └──worker died──▶ settled (Lost)
 *               │   │ chunk ended
 *               └───┘
 * ```
 */
import * as Outcome from "@skein/core/Outcome"
import * as TaskPump from "@skein/core/TaskPump"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { type Answer, type Chunks, killedIn, type TaskRunner, TaskRunnerError, type Wire } from "../TaskRunner.ts"
import { ListGather, type Plan, type Work } from "./gather.ts"
import * as wire from "./taskBulkWire.ts"
import * as call from "./taskCall.ts"
import { pack } from "./taskBulkPack.ts"

type Item = TaskPump.Task<unknown, unknown>

/** How often journals are looked at while their chunks are under way, in milliseconds: outcomes of a chunk that takes long wait no longer than this. */
const look = 10
/** How long an item that was asked to stop may leave that unanswered before its chunk is, in milliseconds. */
const patience = 250

/** Some items on their way. */
class Chunk extends TaskPump.Task<unknown, unknown> {
  items: Array<Item> = []
  journal: wire.Journal | undefined
  /** How many have been settled; the one after them is the next to end. */
  done = 0
  /** When the item after those began, in the worker's time, if that is known. */
  began: number | undefined
  /** The item that was asked to stop because its time was over, and when. */
  stopping = -1
  stoppedAt = 0
  send: ((text: string) => void) | undefined
  /** The last item that is known to have begun. */
  begun = -1
  concluded = false
  /** What came when it was abandoned. */
  lateEnd: wire.Ended | undefined
  /** What its time was extended by. */
  bonus = 0
  /** How it ended. */
  answer: Answer | undefined
  failed: Cause.Cause<unknown> | undefined
}

export interface Bulk {
  readonly callee: call.Callee
  readonly runner: TaskRunner
  readonly chunks: Chunks
}

class TaskMap extends ListGather<unknown, unknown, unknown> {
  private readonly bulk: Bulk
  private readonly taskTimeout: number
  /** Items that were given back, the next one last. */
  private readonly returned: Array<Item> = []
  /** The next so many items travel alone: one of them made its chunk impossible to send. */
  private alone = 0
  private readonly under = new Set<Chunk>()
  /** Records of items that have ended, for the next ones. */
  private readonly spares: Array<Item> = []
  /** The time in microseconds as it was read a moment ago, for many items. */
  private reading = 0
  private readonly journals: Array<wire.Journal> = []
  private readonly stamp = { origin: { at: this.startedAt }, queued: -1, started: -1, ended: -1 }
  private readonly info = { index: 0, name: undefined as string | undefined, attempts: 1, abandoned: false, stamp: this.stamp }
  private looking: ReturnType<typeof this.timers.add> | undefined

  constructor(owner: Fiber.Fiber<any, any>, plan: Plan, taskTimeout: number, work: Work<unknown, unknown, unknown>, bulk: Bulk) {
    super(owner, plan, work)
    // Chunks end in any order. An array always has all of its outcomes in the end.
    if (Array.isArray(work.items) && work.items.length < 2 ** 24) this.list.length = work.items.length
    this.bulk = bulk
    this.taskTimeout = taskTimeout
  }

  protected override onFinish(): void {
    if (this.looking !== undefined) this.timers.cancel(this.looking)
  }

  // Making chunks

  protected override hasNext(): boolean {
    return this.returned.length > 0 || super.hasNext()
  }

  protected override pull(): Chunk | undefined {
    const { bulk, returned } = this
    const left = returned.length + (this.size === undefined ? Infinity : this.size - this.pulled)
    let room = this.alone > 0 ? 1 : Math.min(bulk.chunks.size(bulk.callee.definition, left), wire.largest)
    if (this.alone > 0) this.alone--
    const chunk = new Chunk()
    const now = this.micros()
    for (; room > 0; room--) {
      const item =
        returned.pop() ?? (super.hasNext() ? (super.pull(this.spares.pop() ?? new TaskPump.Task()) as Item | undefined) : undefined)
      if (item === undefined) break
      if (item.queued < 0) item.queued = now
      if (this.plan.nameOf === undefined || this.isNamed(item)) chunk.items.push(item)
      // The source's code or an observer of that item may have ended the call.
      if (this.stopped !== undefined) {
        this.giveBack(chunk, 0)
        return undefined
      }
    }
    if (chunk.items.length === 0) return undefined
    chunk.index = chunk.items[0]!.index
    chunk.name = chunk.items[0]!.name
    return chunk
  }

  /** What `nameOf` threw is that item's end. */
  private isNamed(item: Item): boolean {
    try {
      void super.effectOf(item)
      return true
    } catch (defect) {
      const now = this.micros()
      this.settleItem(item, Exit.die(defect), now, now, undefined, false)
      return false
    }
  }

  override effectOf(task: TaskPump.Task<unknown, unknown>): Effect.Effect<unknown, unknown> {
    return Effect.withFiber((fiber) => this.send(fiber, task as Chunk))
  }

  private send(fiber: Fiber.Fiber<unknown, unknown>, chunk: Chunk): Effect.Effect<void> {
    const { bulk } = this
    const packed = this.pack(chunk)
    if (packed === undefined) return Effect.void
    this.under.add(chunk)
    if (chunk.journal !== undefined || this.taskTimeout < Infinity) this.watch(this.now() + Math.min(look, this.taskTimeout))
    return call.exchange(
      fiber,
      bulk.runner,
      bulk.callee,
      packed.wire,
      {
        items: chunk.items.length,
        ...packed.chunk,
        names: this.plan.nameOf === undefined ? undefined : chunk.items.map(({ name }) => name),
        limit: this.taskTimeout < Infinity ? this.taskTimeout : undefined,
        journal: chunk.journal === undefined ? undefined : true
      },
      {
        onMessage: (text, exchange) => this.hear(chunk, text, exchange),
        onOpen: (send) => {
          chunk.send = send
        },
        onAnswer: (answer) => {
          chunk.answer = answer
        },
        onFailure: (cause) => {
          chunk.failed = cause
        }
      }
    )
  }

  /** Writes the items; those that cannot travel end here. Nothing is left where none can. */
  private pack(chunk: Chunk): { readonly wire: Wire; readonly chunk: object } | undefined {
    const { callee, chunks } = this.bulk
    const packed = pack(callee, chunk.items)
    // What gives memory away travels alone: if its chunk gave it back, it could not be sent again.
    this.giveBack(chunk, packed.kept.length + packed.refused.length)
    const items = (chunk.items = packed.kept)
    for (const { item, message } of packed.refused) {
      const now = this.micros()
      this.settleItem(item, Exit.fail(this.error({ _tag: "Rejected", message })), now, now, undefined, false)
    }
    if (items.length === 0 || this.stopped !== undefined) return undefined
    const { numbers } = packed.chunk
    let payload = packed.wire
    if (chunks.shared === true) {
      const journal = (chunk.journal = this.journalFor(items.length))
      if (numbers === true) items.forEach(({ work }, i) => (journal.given[i] = work as number))
      payload = { text: payload.text, parts: [...(payload.parts ?? []), journal.memory], transfer: payload.transfer }
    } else if (numbers === true) {
      const given = Float64Array.from(items, ({ work }) => work as number)
      payload = { text: "", parts: [given], transfer: [given.buffer] }
    }
    return { wire: payload, chunk: { ...packed.chunk, gives: callee.success.isNumber || undefined } }
  }

  private journalFor(items: number): wire.Journal {
    for (let i = this.journals.length - 1; i >= 0; i--) {
      if (this.journals[i]!.capacity >= items) {
        const [journal] = this.journals.splice(i, 1)
        journal!.clear()
        return journal!
      }
    }
    return wire.Journal.make(items)
  }

  // What workers tell

  private hear(chunk: Chunk, text: string, exchange: call.BulkExchange): void {
    const message = wire.readMessage(text)
    switch (message.is) {
      case "ended":
        // Abandoned: its outcome stays.
        if (chunk.concluded) chunk.lateEnd = message.ended
        // A chunk of an idempotent task may have been begun again elsewhere.
        else if (message.ended.index === chunk.done) this.ended(chunk, message.ended)
        return
      case "begun":
        chunk.began = this.clamp(message.at)
        chunk.begun = message.index
        return
      case "said": {
        const item = chunk.items[message.index]
        if (item === undefined) return
        const own = exchange.hear(message.text)
        if (own === undefined) return
        if (own[0] === "progress") {
          const { onProgress } = this.plan
          if (onProgress !== undefined) this.observe("onProgress", onProgress, { ...own[1], index: item.index, name: item.name })
        } else if (this.taskTimeout < Infinity) chunk.bonus += own[1]
        else exchange.extend(own[1])
      }
    }
  }

  /** The time of a worker, as this call has it: its clock is another one. */
  private clamp(at: number): number {
    return Math.min(at, this.now())
  }

  private microsOf(at: number): number {
    return Math.max(0, Math.round((this.clamp(at) - this.startedAt) * 1_000))
  }

  /** Settles what a journal has and is not settled yet. */
  private readJournal(chunk: Chunk): void {
    const { journal } = chunk
    if (journal === undefined || chunk.concluded) return
    const count = Math.min(journal.count, chunk.items.length)
    this.reading = this.micros()
    const { definition, success } = this.bulk.callee
    while (chunk.done < count) {
      const from = chunk.done
      const to = journal.alike(from, count)
      const state = journal.stateOf(from)
      if (state === wire.state.number && definition.kind === "effect") {
        for (let i = from; i < to; i++) this.succeed(chunk, journal, i, journal.numbers[i]!)
      } else if (state === wire.state.value && success.mayBePlain && to - from > 1) {
        const values = JSON.parse(`[${journal.textOf(from, to)}]`) as ReadonlyArray<unknown>
        for (let i = from; i < to; i++) {
          const value = values[i - from]
          // What a plain function gives was checked by nobody.
          if (definition.kind === "effect" || success.isPlain(value)) this.succeed(chunk, journal, i, value)
          else this.readEach(chunk, journal, i, i + 1)
        }
      } else this.readEach(chunk, journal, from, to)
    }
  }

  private readEach(chunk: Chunk, journal: wire.Journal, from: number, to: number): void {
    for (let index = from; index < to; index++) this.ended(chunk, journal.endOf(index))
  }

  /** The short way of most items: no record of their own but the outcome. */
  private succeed(chunk: Chunk, journal: wire.Journal, index: number, value: unknown): void {
    chunk.done = index + 1
    const item = chunk.items[index]!
    const { info, startedAt, stamp } = this
    const started = Math.max(0, Math.min(Math.round((journal.started[index]! - startedAt) * 1_000), this.reading))
    stamp.started = started
    stamp.queued = Math.min(item.queued, started)
    stamp.ended = Math.max(started, Math.min(Math.round((journal.ended[index]! - startedAt) * 1_000), this.reading))
    info.index = item.index
    info.name = item.name
    this.tell(item, new Outcome.Completed(info, value, false))
  }

  private tell(item: Item, outcome: Outcome.Outcome<unknown, unknown>): void {
    this.record?.(outcome)
    super.onSettled(item, outcome)
    this.spares.push(item)
  }

  private ended(chunk: Chunk, { answer, ended, index, started, state }: wire.Ended): void {
    chunk.done = index + 1
    chunk.began = this.clamp(ended)
    const item = chunk.items[index]!
    const asked = (state & wire.state.asked) !== 0
    const from = this.microsOf(started)
    const to = Math.max(from, this.microsOf(ended))
    this.settleItem(item, this.exitOf(answer), from, to, asked ? this.cutOf(chunk, index) : undefined, asked)
  }

  /** Why an item was asked to stop. */
  private cutOf(chunk: Chunk, index: number): TaskPump.Cut | undefined {
    if (chunk.stopping === index) return this.timeCut()
    return chunk.cut ?? this.stopped
  }

  private timeCut(): TaskPump.Cut {
    const after = this.taskTimeout
    return { limit: "task", after, reason: { _tag: "TaskTimeout", after: Duration.millis(after) } }
  }

  private settleItem(
    item: Item,
    exit: Exit.Exit<unknown, unknown>,
    started: number,
    ended: number,
    cut: TaskPump.Cut | undefined,
    asked: boolean,
    abandoned = false
  ): void {
    const info: Outcome.Info = {
      index: item.index,
      name: item.name,
      attempts: 1,
      abandoned,
      stamp: { origin: this.stamp.origin, queued: Math.min(item.queued, started), started, ended }
    }
    if (Exit.isSuccess(exit)) return this.tell(item, new Outcome.Completed(info, exit.value, asked))
    const { cause } = exit
    this.tell(item, cut === undefined ? this.failureOf(info, cause) : stoppedOf(info, cut, cause))
  }

  private failureOf(info: Outcome.Info, cause: Cause.Cause<unknown>): Outcome.Outcome<never, unknown> {
    return cause.reasons.length > 0 && Cause.hasInterruptsOnly(cause)
      ? new Outcome.Cancelled(info, { _tag: "Interrupted", because: this.because() }, cause)
      : new Outcome.Failed(info, cause)
  }

  private exitOf(answer: Answer | number): Exit.Exit<unknown, unknown> {
    const { callee, runner } = this.bulk
    if (typeof answer !== "number") return call.exitOf(runner.flavour, callee, answer)
    if (callee.definition.kind === "effect" || callee.success.fitsNumber(answer)) return Exit.succeed(answer)
    return Exit.fail(this.error({ _tag: "Unserializable", message: callee.success.check(answer) ?? "it is no such number" }))
  }

  private error(reason: TaskRunnerError["reason"]): TaskRunnerError {
    const { callee, runner } = this.bulk
    return new TaskRunnerError({ task: callee.definition.name, flavour: runner.flavour, reason })
  }

  // The clocks of items

  /** Looks around at an instant, or before it. */
  private watch(at: number): void {
    const { timers } = this
    const looking = (this.looking ??= timers.add(Infinity, () => this.lookAround()))
    if (looking.position < 0 || looking.at > at) timers.move(looking, at)
  }

  private lookAround(): void {
    let next = Infinity
    for (const chunk of [...this.under]) {
      this.readJournal(chunk)
      if (chunk.journal !== undefined) next = Math.min(next, this.now() + look)
      if (this.taskTimeout < Infinity && this.under.has(chunk)) next = Math.min(next, this.checkTime(chunk))
    }
    // An item that was asked to stop may have ended at once, and the next chunk be under way already.
    if (this.under.size > 0 && next < Infinity) this.watch(Math.max(next, this.now() + 0.1))
  }

  /** Asks an item to stop whose time is over; says when to look again. */
  private checkTime(chunk: Chunk): number {
    const now = this.now()
    const { done, journal } = chunk
    if (journal !== undefined && journal.running === done) chunk.began = this.clamp(journal.started[done]!)
    else if (journal !== undefined) return now + look
    if (chunk.began === undefined) return now + Math.min(look, this.taskTimeout)
    if (chunk.stopping === done) {
      if (now < chunk.stoppedAt + patience) return chunk.stoppedAt + patience
      chunk.runner?.cut(this.timeCut(), false)
      return Infinity
    }
    const over = chunk.began + this.taskTimeout + chunk.bonus
    if (now < over) return over
    chunk.stopping = done
    chunk.stoppedAt = now
    chunk.bonus = 0
    chunk.send?.(wire.writeStop(done))
    return now + patience
  }

  // The end of a chunk

  /** What has not begun is taken back first: a worker whose chunk is stopped would begin its next one. */
  override stop(cut: TaskPump.Cut, hold: boolean): void {
    this.stopped ??= cut
    const waiting = [...this.under].filter((chunk) => chunk.done === 0 && !this.hasBegun(chunk))
    for (const chunk of waiting.reverse()) chunk.runner?.cut(cut, false)
    super.stop(cut, hold)
  }

  protected override onAbandoned(task: TaskPump.Task<unknown, unknown>): void {
    const chunk = task as Chunk
    this.readJournal(chunk)
    const index = chunk.done
    const item = chunk.items[index]
    if (item === undefined) return
    const end = TaskPump.awaitEnd(task)
    this.left.push({ index: item.index, name: item.name, await: Effect.map(end, () => this.exitAfter(chunk, index)) })
  }

  /** How an item really ended that was abandoned. */
  private exitAfter(chunk: Chunk, index: number): Exit.Exit<unknown, unknown> {
    const { answer, failed, journal } = chunk
    if (journal !== undefined && journal.count > index) return this.exitOf(journal.endOf(index).answer)
    const last = chunk.lateEnd ?? (answer === undefined || !answer.ok ? undefined : wire.readLast(answer))
    if (last !== undefined && last.index === index) return this.exitOf(last.answer)
    return Exit.failCause(failed ?? Cause.interrupt(this.owner.id))
  }

  protected override onSettled(task: TaskPump.Task<unknown, unknown>, outcome: Outcome.Outcome<unknown, unknown>): void {
    if (task instanceof Chunk) this.conclude(task)
    else super.onSettled(task, outcome)
  }

  /** A chunk has ended: what has begun is settled, the rest goes with others, if anything goes on. */
  private conclude(chunk: Chunk): void {
    this.under.delete(chunk)
    const { answer, failed, items } = chunk
    this.readJournal(chunk)
    chunk.concluded = true
    if (chunk.journal !== undefined && answer !== undefined) this.journals.push(chunk.journal)
    if (answer !== undefined && answer.ok) {
      const last = wire.readLast(answer)
      if (last !== undefined && last.index === chunk.done) this.ended(chunk, last)
      // Nothing has become of it, and nobody asked it to stop: it would go round for ever.
      if (chunk.done === 0 && chunk.cut === undefined && this.stopped === undefined) {
        this.failAll(chunk, Exit.die(new Error(`the ${this.bulk.runner.flavour} flavour answered a chunk without running any of it`)))
      }
    } else if (answer !== undefined) {
      // The worker could not do anything with it.
      this.failAll(chunk, this.exitOf(answer))
    } else if (chunk.abandoned) this.stopOne(chunk, Cause.interrupt(this.owner.id))
    else if (failed !== undefined) this.onFailed(chunk, failed)
    if (chunk.done === items.length) return
    this.giveBack(chunk, chunk.done)
    // Other places may be free.
    if (this.stopped === undefined) this.fill()
  }

  private onFailed(chunk: Chunk, cause: Cause.Cause<unknown>): void {
    const reason = cause.reasons.find(Cause.isFailReason)
    const error = reason?.error
    if (error instanceof TaskRunnerError) {
      if (error.reason._tag === "Lost") return this.loseOne(chunk, cause)
      // One part of it cannot travel: each item tries it alone.
      if (error.reason._tag === "Rejected" && chunk.items.length > 1) this.alone = Math.max(this.alone, chunk.items.length)
      else this.failAll(chunk, Exit.failCause(cause))
      return
    }
    if (reason !== undefined || !Cause.hasInterruptsOnly(cause)) return this.failAll(chunk, Exit.failCause(cause))
    // Interrupted by this call, and not answered: it never reached a worker, or the worker has ended.
    if (killedIn(cause) !== undefined || this.hasBegun(chunk)) this.stopOne(chunk, cause)
  }

  /** Whether the next item of a chunk may have begun. Without a journal the first one says so, and each end stands for the next beginning. */
  private hasBegun({ begun, done, journal }: Chunk): boolean {
    return journal === undefined ? begun >= 0 && done >= begun : journal.running === done
  }

  /** The worker has died: the item that ran is lost with it. */
  private loseOne(chunk: Chunk, cause: Cause.Cause<unknown>): void {
    const item = chunk.items[chunk.done]
    // It died between two items. That one of them is lost where none has ended keeps a chunk that cannot be begun from going round for ever.
    if (item === undefined || (chunk.done > 0 && !this.hasBegun(chunk))) return
    const now = this.micros()
    const started = this.startOf(chunk)
    chunk.done++
    this.settleItem(item, Exit.failCause(cause), started, Math.max(started, now), undefined, false)
  }

  /** The item that ran was stopped with its worker. */
  private stopOne(chunk: Chunk, cause: Cause.Cause<unknown>): void {
    const index = chunk.done
    const item = chunk.items[index]
    if (item === undefined) return
    const started = this.startOf(chunk)
    chunk.done++
    this.settleItem(
      item,
      Exit.failCause(cause),
      started,
      chunk.abandoned ? -1 : Math.max(started, this.micros()),
      this.cutOf(chunk, index),
      false,
      chunk.abandoned
    )
  }

  /** When the next item of a chunk began, in microseconds. */
  private startOf({ began, done, journal }: Chunk): number {
    const at = journal !== undefined && journal.running === done ? journal.started[done] : began
    return at === undefined ? this.micros() : this.microsOf(at)
  }

  private failAll(chunk: Chunk, exit: Exit.Exit<unknown, unknown>): void {
    while (chunk.done < chunk.items.length) {
      const item = chunk.items[chunk.done++]!
      const now = this.micros()
      this.settleItem(item, exit, now, now, undefined, false)
    }
  }

  /** What has not begun is the first to go again; after a stop it never will. */
  private giveBack(chunk: Chunk, from: number): void {
    const { items } = chunk
    if (from === items.length) return
    for (let i = items.length - 1; i >= from; i--) this.returned.push(items[i]!)
    chunk.items = items.slice(0, from)
    if (this.stopped !== undefined) this.onStop(this.stopped)
  }

  protected override onStop(cut: TaskPump.Cut): void {
    for (const item of this.returned.splice(0).reverse()) super.onSettled(item, this.notStarted(item, cut))
  }
}

const stoppedOf = (info: Outcome.Info, cut: TaskPump.Cut, cause: Cause.Cause<unknown>): Outcome.Outcome<never, unknown> =>
  cut.limit === undefined
    ? new Outcome.Cancelled(info, cut.reason, cause)
    : new Outcome.TimedOut(info, cut.limit, Duration.millis(cut.after!), cause)

/** Whether the options are such that items may travel together: what has to be done between two attempts, or before an item begins, is done for each alone. */
export const mayTravelTogether = ({ limiter, settings }: Plan): boolean =>
  limiter === undefined &&
  settings.retry === undefined &&
  settings.attemptTimeout === Infinity &&
  settings.queueTimeout === Infinity &&
  settings.span === undefined

/** Runs a bulk call in the calling fiber. */
export const run = (
  plan: Plan,
  concurrency: number | undefined,
  work: Work<unknown, unknown, unknown>,
  bulk: Bulk
): Effect.Effect<any, any> =>
  Effect.withFiber((owner) =>
    Effect.callback((resume) => {
      const { width } = bulk.chunks
      const { taskTimeout } = plan.settings
      // Chunks that wait in a worker execute nothing; with less than a place for each worker nothing may wait there.
      const settings = {
        ...plan.settings,
        taskTimeout: Infinity,
        concurrency: concurrency === undefined || concurrency >= width ? 2 * width : concurrency
      }
      const map = new TaskMap(owner, { ...plan, settings }, taskTimeout, work, bulk)
      map.answerTo(resume)
      return map.interrupt
    })
  )
