/**
 * Records who stands around a piece of running work: the deadlines it inherits, the call and
 * task it belongs to, the permits its owners hold.
 *
 * The tree is made of `Node`s. A fiber finds its own node through its context (`Current`), so
 * whatever is forked inside inherits its place in the tree. Nothing is ever removed from the
 * tree: a node that is over says so with `ended`, and readers skip it. That keeps entering and
 * leaving O(1) and lets a detached fiber outlive its owner without keeping it alive for others.
 *
 * ```
 * root (simulator, optional) ─ deadline ─ call ─ task ─ permit ─ call ─ task …
 * ```
 */
import * as Context from "effect/Context"
import type * as Fiber from "effect/Fiber"
import type { Reason } from "../Outcome.ts"
import type { Progress } from "../Progress.ts"
import type { Dump } from "./dump.ts"

export type AnyFiber = Fiber.Fiber<unknown, unknown>

/** What a fiber that is suspended in one of our primitives waits for. */
export interface Wait {
  /** Reads after "waits for", e.g. `a permit of limiter "db" (2 of 2 taken)`. */
  readonly what: string
  /** The fibers that can end this wait, when they are known, e.g. the permit holders. */
  readonly holders: () => ReadonlyArray<AnyFiber>
}

/** Sees each suspension in one of our primitives. The simulator installs one; there is none in production. */
export interface WaitObserver {
  readonly onWait: (fiber: AnyFiber, wait: Wait) => void
  readonly onResume: (fiber: AnyFiber, wait: Wait) => void
}

/** A call that can answer a deadline by itself, before what is around it is interrupted (law 10). */
export interface Answerer {
  readonly onDeadline: (node: LimitNode) => void
}

interface Base {
  readonly parent: Node | undefined
  readonly observer: WaitObserver | undefined
  /** Set once: the work of this node is over and the node no longer counts. */
  ended: boolean
}

export interface RootNode extends Base {
  readonly kind: "root"
}

/** A running call: a gather, a map, a task group. */
export interface CallNode extends Base {
  readonly kind: "call"
  readonly name: string | undefined
  readonly onProgress: ((progress: Progress) => void) | undefined
  readonly dump: () => Dump
  /** Why the code of the call that is no task (the body of a group) was asked to stop. */
  reason?: Reason | undefined
}

/** One task of a call. `reason` is why it was asked to stop, and is what work inside it reads; `at` is its own time limit. */
export interface TaskNode extends Base, Limited {
  readonly kind: "task"
  name: string | undefined
  index: number
  reason: Reason | undefined
  readonly call: CallNode
  /** How long its clock stood still so far, in milliseconds, because its work waited for a place somewhere else. */
  waited?: number
  /** The calls that run inside this task right now, and what its fibers wait for: what a dump shows. */
  calls: Set<CallNode> | undefined
  waits: Set<() => Wait> | undefined
}

export interface DeadlineNode extends Base, Limited {
  readonly kind: "deadline"
  /** Why the work inside was asked to stop. */
  reason?: Reason | undefined
}

/** A held permit (or several) of a limiter: one seat that may be lent to one descendant at a time. */
export interface PermitNode extends Base {
  readonly kind: "permit"
  readonly fiber: AnyFiber
  /** How many waits in our own primitives the holder is in right now: above 0 the seat may be lent. */
  waits: number
  /** Called when `waits` leaves 0 and when it returns to 0. */
  readonly onWaits: (waiting: boolean) => void
}

export type Node = RootNode | CallNode | TaskNode | DeadlineNode | PermitNode
export type LimitNode = TaskNode | DeadlineNode

/** An instant that binds the work below, and what must be known of that work when the instant comes. */
interface Limited {
  /** The instant on the timeline of `clock.ts`, in milliseconds; `Infinity` for none. Moves when it is extended. */
  at: number
  /** Sets another instant, timer included; absent where the owner keeps no timer for it. */
  move: ((at: number) => void) | undefined
  /** Calls to tell when the instant comes, outer before inner; made when the first one comes. */
  listeners: Set<Answerer> | undefined
  /** Calls below that can answer with a partial result and have not answered yet. */
  answering: number
  /** Called when `answering` returns to 0, if somebody waits for that. */
  onAnswered: (() => void) | undefined
  /** Told when `answering` leaves 0 and when it returns to it: somebody far away has to know. */
  readonly onAnswering?: ((answering: boolean) => void) | undefined
  /** Told when the instant has been moved by an extension; made when the first one comes. */
  movers?: Set<() => void> | undefined
}

/**
 * How long the code that follows a partial answer may run before it is interrupted, in milliseconds. With none, a deadline around `gather.pipe(Effect.map(report))` would still lose
 * the report; without a bound it would be no deadline.
 */
export const afterAnswer = 1_000

/** The place of the running fiber in the tree. */
export const Current: Context.Reference<Node | undefined> = Context.Reference<Node | undefined>("@skein/core/Lineage", {
  defaultValue: () => undefined
})

export const current = (fiber: AnyFiber): Node | undefined => Context.get(fiber.context, Current)

/** The nearest task at or above `node`, however deep inside calls and permits. */
export const taskOf = (node: Node | undefined): TaskNode | undefined => {
  for (let n = node; n !== undefined; n = n.parent) if (n.kind === "task") return n
  return undefined
}

/**
 * The nearest node at or above `node` that is not over. A task that spawned the next one and ended would else be kept by it for ever, and so would the one before: each in a chain of a
 * million would walk past all before it.
 */
export const skipEnded = (node: Node): Node => {
  let n = node
  while (n.ended && n.parent !== undefined) n = n.parent
  return n
}

/** Whether `node` lies below `ancestor`. */
export const isInside = (node: Node | undefined, ancestor: Node): boolean => {
  for (let n = node; n !== undefined; n = n.parent) if (n === ancestor) return true
  return false
}

/** The earliest deadline that binds `node`, in milliseconds; `Infinity` if none does. */
export const deadlineOf = (node: Node | undefined): number => {
  let at = Infinity
  for (let n = node; n !== undefined; n = n.parent) {
    if ((n.kind === "deadline" || n.kind === "task") && !n.ended && n.at < at) at = n.at
  }
  return at
}

/** Why the work at `node` was asked to stop from outside, as far as our own owners know. */
export const reasonOf = (node: Node | undefined): Reason | undefined => {
  for (let n = node; n !== undefined; n = n.parent) {
    if ((n.kind === "task" || n.kind === "call" || n.kind === "deadline") && n.reason !== undefined) return n.reason
  }
  return undefined
}

/**
 * Announces a call that can answer deadlines by itself. The function it gives says that the call has
 * answered; it may be called more than once and counts once.
 *
 * Outer calls register before inner ones, and a deadline tells its listeners in that order: an outer call has marked its tasks
 * before an inner call of one of them can answer and let that task run on.
 */
export const registerAnswerer = (node: Node | undefined, answerer: Answerer): (() => void) => {
  if (node === undefined) return noop
  for (let n: Node | undefined = node; n !== undefined; n = n.parent) {
    if (n.kind !== "deadline" && n.kind !== "task") continue
    n.answering++
    ;(n.listeners ??= new Set()).add(answerer)
    if (n.answering === 1) n.onAnswering?.(true)
  }
  let answered = false
  return () => {
    if (answered) return
    answered = true
    for (let n: Node | undefined = node; n !== undefined; n = n.parent) {
      if (n.kind !== "deadline" && n.kind !== "task") continue
      n.listeners!.delete(answerer)
      n.answering--
      if (n.answering === 0) n.onAnswering?.(false)
      if (n.answering === 0 && n.onAnswered !== undefined) {
        const onAnswered = n.onAnswered
        n.onAnswered = undefined
        onAnswered()
      }
    }
  }
}

/** Tells the calls below that the instant of `node` has come, outer before inner. */
export const announce = (node: LimitNode): void => {
  if (node.listeners === undefined) return
  for (const listener of [...node.listeners]) listener.onDeadline(node)
}

/** Moves the innermost deadline that still runs at or above `node` later, and tells those who follow it. */
export const extend = (node: Node | undefined, now: number, by: number): void => {
  for (let n = node; n !== undefined; n = n.parent) {
    if ((n.kind !== "deadline" && n.kind !== "task") || n.ended || n.at === Infinity) continue
    if (n.at > now && n.move !== undefined) {
      n.move(n.at + by)
      if (n.movers !== undefined) for (const moved of [...n.movers]) moved()
    }
    return
  }
}

/** Tells `moved` of each extension of a deadline at or above `node`, until the function it gives is called. */
export const onMoved = (node: Node | undefined, moved: () => void): (() => void) => {
  const limits: Array<LimitNode> = []
  for (let n = node; n !== undefined; n = n.parent) {
    if (n.kind !== "deadline" && n.kind !== "task") continue
    limits.push(n)
    ;(n.movers ??= new Set()).add(moved)
  }
  return () => {
    for (const n of limits) n.movers!.delete(moved)
  }
}

/**
 * Notes for dumps and for the simulator that `fiber` is suspended; the function it gives ends the note. The wait is described only when somebody looks: where there is neither a task
 * to note it at nor a simulator, a wait costs nothing.
 */
export const noteWait = (fiber: AnyFiber, node: Node | undefined, describe: () => Wait): (() => void) => {
  if (node === undefined) return noop
  const task = taskOf(node)
  const { observer } = node
  if (task === undefined && observer === undefined) return noop
  if (task !== undefined) (task.waits ??= new Set()).add(describe)
  const wait = observer === undefined ? undefined : describe()
  if (wait !== undefined) observer!.onWait(fiber, wait)
  return () => {
    task?.waits!.delete(describe)
    if (wait !== undefined) observer!.onResume(fiber, wait)
  }
}

/** Lists `call` under the task that makes it, until the function it gives is called. */
export const listCall = (call: CallNode): (() => void) => {
  const task = taskOf(call.parent)
  if (task === undefined) return noop
  ;(task.calls ??= new Set()).add(call)
  return () => {
    task.calls!.delete(call)
  }
}

/**
 * Marks that `fiber` waits in one of our primitives for work that may need what `fiber` itself holds: its permits become
 * lendable. The function it gives ends the mark.
 */
export const enterWait = (fiber: AnyFiber, node: Node | undefined, describe: () => Wait): (() => void) => {
  const endNote = noteWait(fiber, node, describe)
  let lendable: Array<PermitNode> | undefined
  for (let n: Node | undefined = node; n !== undefined && n.kind !== "task"; n = n.parent) {
    if (n.kind === "permit" && !n.ended && n.fiber === fiber) (lendable ??= []).push(n)
  }
  if (lendable === undefined) return endNote === noop ? noop : once(endNote)
  for (const n of lendable) if (n.waits++ === 0) n.onWaits(true)
  let over = false
  return () => {
    if (over) return
    over = true
    endNote()
    for (const n of lendable) if (--n.waits === 0) n.onWaits(false)
  }
}

const once = (f: () => void): (() => void) => {
  let done = false
  return () => {
    if (done) return
    done = true
    f()
  }
}

const noop = (): void => {}
