/**
 * One call of a gather that gives its outcomes away while it runs: keeps those that nobody has taken yet, and pulls no further than these allow.
 *
 * The bound is on what was pulled and not consumed: tasks that run or wait for another attempt, outcomes that wait (for a reader, or for one before them in input order), and those of the chunk that the
 * reader has in his hands, which counts as consumed when he comes for the next one.
 */
import * as GatherResult from "@skein/core/GatherResult"
import type * as Outcome from "@skein/core/Outcome"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { Plan } from "./gatherPlan.ts"
import { Gather, type Work } from "./gatherPump.ts"

export interface Flow {
  readonly order: "completion" | "input"
  /** How many outcomes may wait while all places are taken. */
  readonly buffer: number
}

type Chunk<A, E> = readonly [Outcome.Outcome<A, E>, ...Array<Outcome.Outcome<A, E>>]

/** Gives the next outcomes; fails with `Cause.Done` at the end. */
export type Next<A, E> = Effect.Effect<Chunk<A, E>, unknown>

/** Makes the first pull, in which the call starts: `start` does so in the very step in which it is called, and the call belongs to the fiber it is given. */
export type Begin<A, E> = (start: (owner: Fiber.Fiber<any, any>, plan: Plan, flow: Flow) => Next<A, E>) => Next<A, E>

/** Gives what a stream pulls from. The call starts with the first pull, belongs to whoever makes it, and is over when `scope` has been closed. */
export const open = <T, A, E>(begin: Begin<A, E>, work: Work<T, A, E>, scope: Scope.Scope): Effect.Effect<Next<A, E>> =>
  Effect.suspend(() => {
    let gather: StreamGather<T, A, E> | undefined
    const first = begin((owner, plan, flow) => (gather = new StreamGather(owner, plan, work, flow)).next(owner))
    const next = Effect.withFiber<Chunk<A, E>, unknown, never>((fiber) => (gather === undefined ? first : gather.next(fiber)))
    const end = (exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> => (gather === undefined ? Effect.void : gather.leave(exit))
    return Effect.as(Scope.addFinalizerExit(scope, end), next)
  })

/** How many outcomes of what never started are made at once. */
const tailChunk = 1_024

class StreamGather<T, A, E> extends Gather<T, A, E> {
  private readonly window: number
  private readonly most: number
  /** Outcomes for the reader, in the order in which he gets them. */
  private out: Array<Outcome.Outcome<A, E>> = []
  /** Outcomes that wait for one before them; only in input order. */
  private readonly held: Map<number, Outcome.Outcome<A, E>> | undefined
  /** Every outcome so far is a value. */
  private whole = true
  /** The next index in input order. */
  private inTurn = 0
  private handed = 0
  private consumed = 0
  private started = false
  /** Where the items begin that never started and get their outcomes when all others have been read. */
  private tail = Infinity
  private end: Effect.Effect<never, unknown> | undefined
  /** Wakes the reader. */
  private wake: (() => void) | undefined
  private reader: Fiber.Fiber<any, any> | undefined
  /** The reader will be woken in the next turn. */
  private announced = false
  /** The reader has gone: tells him when all has ended. */
  private gone: ((answer: Effect.Effect<void>) => void) | undefined

  constructor(owner: Fiber.Fiber<any, any>, plan: Plan, work: Work<T, A, E>, flow: Flow) {
    super(owner, plan, work)
    this.window = plan.settings.concurrency + flow.buffer
    // A chunk of everything there is would leave nothing to do for the tasks until it is consumed.
    this.most = Math.max(1, flow.buffer)
    this.held = flow.order === "input" ? new Map() : undefined
  }

  next(reader: Fiber.Fiber<any, any>): Next<A, E> {
    this.consumed += this.handed
    this.handed = 0
    this.mayPull = this.consumed + this.window
    if (!this.started) {
      this.started = true
      this.start()
    } else if (this.end === undefined) this.fill()
    return this.out.length > 0 || this.end !== undefined ? this.handOver() : this.wait(reader)
  }

  private handOver(): Next<A, E> {
    const { most, out } = this
    if (out.length === 0) return this.fromTail() ?? this.end!
    if (out.length <= most) this.out = []
    const chunk = out.length <= most ? out : out.splice(0, most)
    this.handed = chunk.length
    return Effect.succeed(chunk as unknown as Chunk<A, E>)
  }

  private fromTail(): Next<A, E> | undefined {
    const from = this.tail
    if (!(from < this.size!)) return undefined
    this.tail = Math.min(this.size!, from + tailChunk)
    const chunk: Array<Outcome.Outcome<A, E>> = []
    for (let index = from; index < this.tail; index++) chunk.push(this.neverPulled(index, this.endedBy!))
    return Effect.succeed(chunk as unknown as Chunk<A, E>)
  }

  private wait(reader: Fiber.Fiber<any, any>): Next<A, E> {
    return Effect.callback((resume) => {
      // Something may have come since he looked.
      if (this.out.length > 0 || this.end !== undefined) return resume(this.whatIsThere)
      // A reader who is not the owner holds nothing that the owner's tasks could borrow.
      const endWait = reader === this.owner ? this.ownerWaits(`an outcome of ${this.callName}`) : undefined
      this.reader = reader
      this.wake = () => {
        endWait?.()
        resume(this.whatIsThere)
      }
      return Effect.sync(() => {
        this.wake = undefined
        endWait?.()
      })
    })
  }

  private readonly whatIsThere: Next<A, E> = Effect.suspend(() => this.handOver())

  private wakeReader(): void {
    const { wake } = this
    if (wake === undefined) return
    this.wake = undefined
    wake()
  }

  /** A reader whose chunk is full comes at once, before a task finds no room; else a turn later, with all that has ended by then. */
  private announce(): void {
    if (this.wake === undefined) return
    if (this.out.length >= this.most) return this.wakeReader()
    if (this.announced) return
    this.announced = true
    this.reader!.currentDispatcher.scheduleTask(() => {
      this.announced = false
      if (this.out.length > 0) this.wakeReader()
    }, 0)
  }

  protected override keep(outcome: Outcome.Outcome<A, E>): void {
    const { held, out } = this
    if (outcome._tag !== "Completed") this.whole = false
    if (this.gone !== undefined) return
    if (held === undefined) out.push(outcome)
    else if (outcome.index !== this.inTurn) {
      held.set(outcome.index, outcome)
      return
    } else {
      let next: Outcome.Outcome<A, E> | undefined = outcome
      do {
        out.push(next)
        held.delete(this.inTurn++)
        next = held.get(this.inTurn)
      } while (next !== undefined)
    }
    this.announce()
  }

  protected override finish(): void {
    const { endedBy, firstFailure } = this
    const failure = firstFailure === undefined ? undefined : GatherResult.firstError(firstFailure.cause)
    const problem = this.problemFor(failure)
    const cause = (problem === undefined ? failure : this.sourceFailure(problem, this.partial())) ?? this.refusal()
    if (cause === undefined && endedBy !== undefined) this.tail = this.pulled
    this.end = cause === undefined ? Cause.done() : Effect.failCause(cause)
    this.plan.within?.ended()
    this.wakeReader()
    const { gone } = this
    if (gone === undefined) return
    if (problem === undefined || !problem.typed) return gone(problem === undefined ? Effect.void : (this.end as Effect.Effect<never>))
    // Nobody is there to take a typed failure. A defect joins the end of the stream.
    this.warn("its source failed when its reader had gone", cause!)
    gone(Effect.void)
  }

  /** What its executor makes of a stream that is not complete. */
  private refusal(): Cause.Cause<unknown> | undefined {
    const { source, size, whole } = this
    if (whole && (source.done || (size !== undefined && this.pulled >= size))) return undefined
    const error = this.plan.within?.refusal(this.partial(), this.pulled)
    return error === undefined ? undefined : Cause.fail(error)
  }

  /** Its outcomes have gone to the reader; what is left to say is how the call ended. */
  private partial(): GatherResult.GatherResult<A, E, unknown> {
    return GatherResult.make<A, E>([], {
      elapsed: Duration.millis(this.now() - this.startedAt),
      exhausted: this.source.done,
      stopped: this.endedBy?.reason
    })
  }

  /** The reader has gone: stops what runs, and waits for it. */
  leave(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    return Effect.callback((done) => {
      this.out = []
      this.tail = Infinity
      if (this.end !== undefined) return done(Effect.void)
      this.gone = done
      const interrupted = Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)
      this.stop({ reason: { _tag: interrupted ? "CallerInterrupted" : "Stopped", because: this.because() } }, false)
    })
  }
}
