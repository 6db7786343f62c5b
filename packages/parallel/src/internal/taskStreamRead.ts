/**
 * Reads a stream task: inline the stream itself, with a look at each element; elsewhere what its worker sends.
 *
 * The reader elsewhere grants room. At first the worker may send as many elements as the buffer holds; for those that were handed to the reader it may send as many more. So what the worker has sent and the reader has not been
 * given is never more than the buffer holds. Room is granted in portions of half the buffer, so that there is no message for each element; the worker has the other half then, and cannot be stuck.
 */
import * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Pull from "effect/Pull"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type Call, type Answer, type TaskRunner, TaskRunnerError } from "../TaskRunner.ts"
import * as call from "./taskCall.ts"
import * as causes from "./taskCause.ts"
import type { Codec } from "./taskCodec.ts"
import { streamOf, type Streaming } from "./taskStreamHost.ts"

type Elements = readonly [unknown, ...Array<unknown>]
type Next = Effect.Effect<Elements, unknown>

const refuse = (task: string, flavour: string, reason: TaskRunnerError["reason"]): Effect.Effect<never, TaskRunnerError> =>
  Effect.fail(new TaskRunnerError({ task, flavour, reason }))

// --- inline ------------------------------------------------------------------

/** The stream in the fiber that reads it. What cannot travel elsewhere is refused here too. */
export const inline = (task: Streaming, payload: unknown): Stream.Stream<unknown, unknown> => {
  const misfit = task.payload.check(payload)
  if (misfit !== undefined) return Stream.fromEffect(refuse(task.name, "inline", { _tag: "Rejected", message: misfit }))
  const { layer } = task
  const stream = streamOf(task, payload)
  const provided =
    layer === undefined
      ? stream
      : Stream.unwrap(
          Effect.map(Effect.flatMap(Effect.scope, layer.provideIn), (services) => Stream.provideContext(stream, services as never))
        )
  return Stream.transformPull(provided as Stream.Stream<unknown, unknown>, (pull) => Effect.succeed(looked(task, pull)))
}

const looked = ({ element, error, name }: Streaming, pull: Pull.Pull<Elements, unknown>): Pull.Pull<Elements, unknown> => {
  let refused: Effect.Effect<never, unknown> | undefined
  const look = (elements: Elements): Next => {
    for (let i = 0; i < elements.length; i++) {
      const misfit = element.check(elements[i])
      if (misfit === undefined) continue
      refused = refuse(name, "inline", { _tag: "Unserializable", message: misfit })
      return i === 0 ? refused : Effect.succeed(elements.slice(0, i) as unknown as Elements)
    }
    return Effect.succeed(elements)
  }
  const told = (cause: Cause.Cause<unknown>): Next => Effect.failCause(withoutMisfits(name, cause, error))
  const next = Effect.matchCauseEffect(pull as Next, { onSuccess: look, onFailure: told })
  return Effect.suspend(() => refused ?? next) as Pull.Pull<Elements, unknown>
}

/** A typed error that could not travel is a defect in other flavours. */
const withoutMisfits = (task: string, cause: Cause.Cause<unknown>, errors: Codec): Cause.Cause<unknown> => {
  let changed = false
  const reasons = cause.reasons.map((reason) => {
    if (reason._tag !== "Fail" || Pull.isDoneFailure(reason) || reason.error instanceof TaskRunnerError) return reason
    const misfit = errors.check(reason.error)
    if (misfit === undefined) return reason
    changed = true
    return Cause.makeDieReason(causes.misfitOf(task, reason.error, misfit))
  })
  return changed ? Cause.fromReasons(reasons) : cause
}

// --- elsewhere ---------------------------------------------------------------

/** How to make one call elsewhere. */
export interface Reading {
  readonly runner: TaskRunner
  readonly run: (call: Call) => Effect.Effect<Answer, TaskRunnerError>
  readonly callee: call.Callee
  readonly element: Codec
  readonly payload: unknown
  readonly priority: call.Priority
  readonly buffer: number
}

/** The stream of what a worker sends. The call starts with the first pull, and is over when the stream is. */
export const elsewhere = (reading: Reading): Stream.Stream<unknown, unknown> =>
  Stream.fromChannel(
    Channel.fromTransformBracket((_upstream, _scope, scope) =>
      Effect.suspend(() => {
        const reader = new Reader(reading)
        return Effect.as(Scope.addFinalizerExit(scope, reader.leave), reader.next as Pull.Pull<Elements, unknown>)
      })
    )
  )

interface Batch {
  readonly elements: ReadonlyArray<unknown>
  readonly coded: ReadonlyArray<number> | undefined
}

class Reader implements call.Feed {
  readonly buffer: number
  private readonly reading: Reading
  /** What came in turn and was not handed over. */
  private came: Array<Batch> = []
  /** Batches that came before their turn. */
  private readonly early = new Map<number, Batch>()
  private inTurn = 0
  private batches = Infinity
  private fiber: Fiber.Fiber<unknown, unknown> | undefined
  private end: Effect.Effect<never, unknown> | undefined
  private wake: (() => void) | undefined
  private tell: Parameters<call.Feed["onReady"]>[0] | undefined
  /** How many were handed over for which no room was granted yet. */
  private owed = 0
  private gone = false

  constructor(reading: Reading) {
    this.reading = reading
    this.buffer = reading.buffer
  }

  readonly onReady: call.Feed["onReady"] = (tell) => {
    this.tell = tell
  }

  readonly onSome: call.Feed["onSome"] = (number, elements, coded) => {
    if (this.gone) return
    this.early.set(number, { elements, coded })
    for (let next = this.early.get(this.inTurn); next !== undefined; next = this.early.get(this.inTurn)) {
      this.early.delete(this.inTurn++)
      this.came.push(next)
    }
    this.confirm()
    if (this.came.length > 0) this.wake?.()
  }

  readonly onEnd = (batches: number): void => {
    this.batches = batches
    this.confirm()
  }

  private confirm(): void {
    if (this.inTurn === this.batches) this.tell!(["got"])
  }

  /** Starts the call in the step of the first pull, so that there is none without a reader that ends it. */
  readonly next: Next = Effect.withFiber((reader) => {
    if (this.fiber === undefined) this.start(reader)
    return this.came.length > 0 || this.end !== undefined ? this.handOver() : this.wait
  })

  private start(reader: Fiber.Fiber<unknown, unknown>): void {
    const { callee, payload, priority, run, runner } = this.reading
    const effect = Effect.withFiber((fiber: Fiber.Fiber<unknown, unknown>) =>
      call.make(fiber, runner, run, callee, payload, priority, this)
    )
    this.fiber = Effect.runForkWith(reader.context)(effect)
    this.fiber.addObserver((exit) => {
      this.end ??= Exit.isSuccess(exit) ? Cause.done() : Effect.failCause(exit.cause)
      this.wake?.()
    })
  }

  private readonly wait: Next = Effect.callback((resume) => {
    const look = (): void => {
      this.wake = undefined
      resume(Effect.suspend(() => this.handOver()))
    }
    if (this.came.length > 0 || this.end !== undefined) return look()
    this.wake = look
    return Effect.sync(() => {
      this.wake = undefined
    })
  })

  private handOver(): Next {
    const { came } = this
    if (came.length === 0) return this.end!
    this.came = []
    const elements: Array<unknown> = []
    for (const { coded, elements: some } of came) {
      const refused = this.decode(some, coded, elements)
      if (refused === undefined) continue
      // What came before is good. The call goes on until the stream is left, which the failure sees to.
      this.end = refused
      break
    }
    if (elements.length === 0) return this.end!
    this.grant(elements.length)
    return Effect.succeed(elements as unknown as Elements)
  }

  private decode(
    some: ReadonlyArray<unknown>,
    coded: ReadonlyArray<number> | undefined,
    into: Array<unknown>
  ): Effect.Effect<never, TaskRunnerError> | undefined {
    const { callee, element, runner } = this.reading
    const marked = coded === undefined ? undefined : new Set(coded)
    try {
      some.forEach((value, i) => into.push(element.mayBePlain && marked?.has(i) !== true ? value : element.read(value)))
      return undefined
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      return refuse(callee.definition.name, runner.flavour, { _tag: "Unserializable", message })
    }
  }

  private grant(count: number): void {
    this.owed += count
    if (this.end !== undefined || this.owed < this.buffer / 2) return
    this.tell!(["want", this.owed])
    this.owed = 0
  }

  /** The reader has gone, or has read to the end: stops what still runs, and waits for it. Of what that fails with, defects are told, and to a reader that was interrupted, that its worker was ended by force. */
  readonly leave = (exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> =>
    Effect.suspend(() => {
      const { fiber } = this
      this.gone = true
      this.came = []
      if (fiber === undefined || fiber.pollUnsafe() !== undefined) return Effect.void
      const interrupted = Exit.isFailure(exit) && Cause.hasInterrupts(exit.cause)
      return Effect.flatMap(Effect.andThen(Fiber.interrupt(fiber), Fiber.await(fiber)), (end) => {
        if (Exit.isSuccess(end)) return Effect.void
        const told = end.cause.reasons.filter((reason) => reason._tag === "Die" || (interrupted && reason._tag === "Interrupt"))
        return told.length === 0 ? Effect.void : Effect.failCause(Cause.fromReasons<never>(told as never))
      })
    })
}
