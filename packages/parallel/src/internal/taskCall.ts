/**
 * Makes a call that a flavour carries out: writes the payload, follows the deadlines around the caller, passes on what the work says on its way, and reads the answer.
 */
import * as Deadline from "@skein/core/Deadline"
import * as Progress from "@skein/core/Progress"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as LogLevel from "effect/LogLevel"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"
import { type Answer, type Call, type Definition, type Meta, type TaskRunner, TaskRunnerError, type Wire } from "../TaskRunner.ts"
import * as answer from "./taskAnswer.ts"
import * as causes from "./taskCause.ts"
import type { Codec } from "./taskCodec.ts"
import * as defect from "./taskDefect.ts"
import * as message from "./taskMessage.ts"
import * as parts from "./taskParts.ts"

/** What a caller has to know of a task. */
export interface Callee {
  readonly definition: Definition
  readonly payload: Codec
  readonly success: Codec
  readonly error: Codec
}

/** Takes the elements of a call that is a stream. */
export interface Feed {
  /** How many elements may be on their way. */
  readonly buffer: number
  /** Is given what speaks to the stream, before the call is made. */
  readonly onReady: (tell: (down: message.FromReader) => void) => void
  readonly onSome: (batch: number, elements: ReadonlyArray<unknown>, coded: ReadonlyArray<number> | undefined) => void
  readonly onEnd: (batches: number) => void
}

type Run = (call: Call) => Effect.Effect<Answer, TaskRunnerError>
export type Priority = Call["priority"]

const fails = (flavour: string, callee: Callee, reason: TaskRunnerError["reason"]): Effect.Effect<never, TaskRunnerError> =>
  Effect.fail(new TaskRunnerError({ task: callee.definition.name, flavour, reason }))

/** The effect of one call, made in the fiber that calls. */
export const make = (
  fiber: Fiber.Fiber<unknown, unknown>,
  { flavour }: TaskRunner,
  run: Run,
  callee: Callee,
  payload: unknown,
  priority: Priority,
  feed?: Feed
): Effect.Effect<unknown, unknown> => {
  const { definition } = callee
  let wire: Wire
  try {
    wire = definition.kind === "effect" ? callee.payload.toWire(payload) : callee.payload.toPlainWire(payload)
  } catch (error) {
    return fails(flavour, callee, { _tag: "Rejected", message: messageOf(error) })
  }
  const said = metaOf(fiber)
  const meta = feed === undefined ? said : { ...said, stream: { buffer: feed.buffer } }
  const follows = said?.remaining !== undefined
  const exchange = new Exchange(fiber, flavour, callee, feed)
  feed?.onReady(exchange.tell)
  const ran = run({
    task: definition,
    payload: wire,
    meta,
    priority,
    onMessage: exchange.onMessage,
    onOpen: follows || feed !== undefined ? exchange.onOpen : undefined,
    onLate: exchange.onLate,
    onWaits: Deadline.waits(fiber)
  })
  // Nothing of ours follows the answer in which an interruption could take its place: see `onLate`.
  return Effect.uninterruptibleMask((restore) => {
    const answered = Effect.matchCauseEffect(restore(ran), { onSuccess: exchange.onAnswer, onFailure: exchange.onFailure })
    if (!follows) return answered
    // A step of its own, which no interruption can part from the frame that ends it.
    return Effect.suspend(() => {
      exchange.follow()
      return Effect.onExitPrimitive(answered, exchange.end)
    })
  })
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** What a worker takes for granted is not said. */
const metaOf = (fiber: Fiber.Fiber<unknown, unknown>): Meta | undefined => {
  const { name, remaining } = Deadline.outlook(fiber)
  const level = Context.get(fiber.context, References.MinimumLogLevel)
  const span = Context.getOrUndefined(fiber.context, Tracer.ParentSpan)
  if (name === undefined && remaining === Infinity && level === "Info" && span === undefined) return undefined
  return {
    name,
    remaining: remaining === Infinity ? undefined : remaining,
    level: level === "Info" ? undefined : level,
    span: span === undefined ? undefined : { traceId: span.traceId, spanId: span.spanId, sampled: span.sampled }
  }
}

/** How a call ended that was answered. */
export const exitOf = (flavour: string, callee: Callee, got: Answer): Exit.Exit<unknown, unknown> =>
  read(flavour, callee, got) as Exit.Exit<unknown, unknown>

/** Gives a value or a failure that is there: an exit. */
const read = (flavour: string, callee: Callee, got: Answer): Effect.Effect<unknown, unknown> => {
  const { definition, error, success } = callee
  if (got.ok) {
    try {
      return Effect.succeed(definition.kind === "effect" ? success.fromWire(got) : success.fromPlainWire(got))
    } catch (misfit) {
      return fails(flavour, callee, { _tag: "Unserializable", message: messageOf(misfit) })
    }
  }
  return parts.deliver<Effect.Effect<never, unknown>>(got, () => {
    const failure = answer.read(got)
    if ("refused" in failure) return fails(flavour, callee, { _tag: failure.refused, message: failure.message })
    if ("cause" in failure) return Effect.failCause(causes.fromReasons(definition.name, failure.cause, error))
    return Effect.failCause(causes.fromThrown(failure.thrown, failure.fields, error))
  })
}

/** What a caller has to do with a chunk. */
export interface BulkListener {
  readonly onMessage: (text: string, exchange: BulkExchange) => void
  readonly onOpen: (send: (text: string) => void) => void
  readonly onAnswer: (answer: Answer) => void
  readonly onFailure: (cause: Cause.Cause<unknown>) => void
}

/** What passes between a caller and an item of a chunk. */
export interface BulkExchange {
  /** Takes what an item says, and gives what is for the caller to do. */
  readonly hear: (text: string) => Extract<message.Up, readonly ["progress" | "extend", unknown]> | undefined
  readonly extend: (by: number) => void
}

/** The effect of one chunk, made in the fiber that sends it. It ends with its end, which the listener is told; it never fails. */
export const exchange = (
  fiber: Fiber.Fiber<unknown, unknown>,
  { flavour, run }: TaskRunner,
  callee: Callee,
  payload: Wire,
  chunk: NonNullable<Meta["chunk"]>,
  listener: BulkListener
): Effect.Effect<void> => {
  const meta = metaOf(fiber)
  const passes = new Exchange(fiber, flavour, callee)
  const ran = run!({
    task: callee.definition,
    payload,
    meta: { ...meta, chunk },
    priority: "normal",
    items: chunk.items,
    onMessage: (text) => listener.onMessage(text, passes),
    onOpen: (send) => {
      passes.onOpen(send)
      listener.onOpen(send)
    },
    onLate: passes.onLate
  })
  return Effect.uninterruptibleMask((restore) => {
    const answered = Effect.matchCauseEffect(restore(ran), {
      onSuccess: (answer) => Effect.succeed(listener.onAnswer(answer)),
      onFailure: (cause) => Effect.succeed(passes.late === undefined ? listener.onFailure(cause) : listener.onAnswer(passes.late))
    })
    if (meta?.remaining === undefined) return answered
    return Effect.suspend(() => {
      passes.follow()
      return Effect.onExitPrimitive(answered, passes.end)
    })
  })
}

/** What passes between a call and its work while that runs. */
class Exchange implements Deadline.Follower, BulkExchange {
  private readonly fiber: Fiber.Fiber<unknown, unknown>
  private readonly flavour: string
  private readonly callee: Callee
  private readonly feed: Feed | undefined
  late: Answer | undefined
  private following: Deadline.Following | undefined
  private send: ((text: string) => void) | undefined
  /** What was to be said before there was anybody to say it to. */
  private early: Array<message.Down> | undefined

  constructor(fiber: Fiber.Fiber<unknown, unknown>, flavour: string, callee: Callee, feed?: Feed) {
    this.fiber = fiber
    this.flavour = flavour
    this.callee = callee
    this.feed = feed
  }

  readonly onAnswer = (answer: Answer): Effect.Effect<unknown, unknown> => read(this.flavour, this.callee, answer)

  readonly onLate = (answer: Answer): void => {
    this.late = answer
  }

  /** A value is kept although the call was interrupted; what the cleanup failed with joins the interruption. */
  readonly onFailure = (cause: Cause.Cause<TaskRunnerError>): Effect.Effect<unknown, unknown> => {
    const { late } = this
    if (late === undefined) return Effect.failCause(cause)
    return Effect.catchCause(this.onAnswer(late), (own) =>
      Effect.failCause(Cause.fromReasons<unknown>([...cause.reasons, ...own.reasons.filter((reason) => reason._tag !== "Interrupt")]))
    )
  }

  follow(): void {
    this.following = Deadline.follow(this.fiber, this)
  }

  readonly onOpen = (send: (text: string) => void): void => {
    this.send = send
    const { early } = this
    this.early = undefined
    early?.forEach((down) => send(message.write(down)))
  }

  readonly tell = (down: message.Down): void => {
    if (this.send === undefined) (this.early ??= []).push(down)
    else this.send(message.write(down))
  }

  onMoved(remaining: number): void {
    this.tell(["left", remaining])
  }

  onReached(): void {
    this.tell(["deadline"])
  }

  readonly onMessage = (text: string): void => {
    const own = this.hear(text)
    if (own === undefined) return
    if (own[0] === "progress") this.inCaller(Progress.report(own[1]))
    else this.extend(own[1])
  }

  readonly hear: BulkExchange["hear"] = (text) => {
    const up = message.read<message.Up>(text)
    if (up[0] === "progress" || up[0] === "extend") return up
    if (up[0] === "some") this.feed?.onSome(up[1], up[2], up[3])
    else if (up[0] === "end") this.feed?.onEnd(up[1])
    else if (up[0] === "log") this.inCaller(logOf(up[1]))
    else this.following?.answering(up[1])
    return undefined
  }

  readonly extend = (by: number): void => this.following?.extend(by)

  /** At once, so that lines keep their order. An observer or a logger that throws cannot change what becomes of the call. */
  private inCaller(effect: Effect.Effect<void>): void {
    Effect.runSyncExitWith(this.fiber.context)(effect)
  }

  readonly end = (): undefined => {
    this.following?.end()
    this.following = undefined
  }
}

/** Writes a line again, with the caller's loggers and below the caller's annotations and spans. */
const logOf = (line: message.LogLine): Effect.Effect<void> => {
  const parts: Array<unknown> = line.message.map(defect.decode)
  if (line.cause !== undefined) parts.push(line.cause)
  const log = Effect.logWithLevel(line.level as LogLevel.Severity)(...parts)
  return Effect.withFiber((fiber) => {
    let effect = log
    if (line.annotations !== undefined) {
      const own = defect.decode(line.annotations) as Readonly<Record<string, unknown>>
      effect = Effect.provideService(effect, References.CurrentLogAnnotations, {
        ...Context.get(fiber.context, References.CurrentLogAnnotations),
        ...own
      })
    }
    if (line.spans === undefined) return effect
    const spans = [
      ...line.spans.map(([label, at]): [string, number] => [label, at]),
      ...Context.get(fiber.context, References.CurrentLogSpans)
    ]
    return Effect.provideService(effect, References.CurrentLogSpans, spans)
  })
}
