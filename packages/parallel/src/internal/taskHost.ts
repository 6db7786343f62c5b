/**
 * Carries out calls of an effect task where a flavour wants them: reads the payload, runs the effect in a fiber of its own, and answers once, after its finalizers.
 *
 * What the effect says on its way (progress, log lines, a wish for more time) goes to the caller through the port.
 */
import * as Deadline from "@skein/core/Deadline"
import type * as Progress from "@skein/core/Progress"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import type * as LogLevel from "effect/LogLevel"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"
import type { Answer, Host, HostHandle, HostPort, Meta, Wire } from "../TaskRunner.ts"
import * as answer from "./taskAnswer.ts"
import * as cause from "./taskCause.ts"
import { type Codec, Misfit } from "./taskCodec.ts"
import * as defect from "./taskDefect.ts"
import type { SharedLayer } from "./taskLayer.ts"
import * as message from "./taskMessage.ts"

/** What a host has to know of its task. */
export interface Hosted {
  readonly name: string
  readonly payload: Codec
  readonly success: Codec
  readonly error: Codec
  readonly run: (payload: unknown) => Effect.Effect<unknown, unknown, any>
  readonly layer: SharedLayer | undefined
}

/** The call that a fiber belongs to, for the logger. */
const Speaker: Context.Reference<HostedCall | undefined> = Context.Reference<HostedCall | undefined>("@skein/parallel/TaskSpeaker", {
  defaultValue: () => undefined
})

const relay = Logger.make<unknown, void>(({ cause, fiber, logLevel, message }) => {
  const annotations = Context.get(fiber.context, References.CurrentLogAnnotations)
  const spans = Context.get(fiber.context, References.CurrentLogSpans)
  const parts = Array.isArray(message) ? (message as ReadonlyArray<unknown>) : [message]
  Context.get(fiber.context, Speaker)?.send([
    "log",
    {
      level: logLevel,
      message: parts.map(defect.encode),
      ...(Object.keys(annotations).length === 0 ? undefined : { annotations: defect.encode(annotations) }),
      ...(spans.length === 0 ? undefined : { spans: spans.map(([label, at]) => [label, at] as const) }),
      ...(cause.reasons.length === 0 ? undefined : { cause: Cause.pretty(cause) })
    }
  ])
})

/** Lines go to the caller, and nowhere else: the caller's loggers write them. */
const base = Context.make(Logger.CurrentLoggers, new Set([relay])) as Context.Context<never>

/** What came to an end in a worker. */
export interface Running {
  readonly name: string | undefined
  readonly remaining: number | undefined
  readonly send: (text: string) => void
  readonly end: (exit: Exit.Exit<unknown, unknown>) => void
  /** Told what the reader of a stream says. */
  readonly onReader?: ((down: message.FromReader) => void) | undefined
}

/** One call, or one item of a chunk. */
export class HostedCall implements HostHandle, Deadline.Inheritance {
  readonly name: string | undefined
  readonly remaining: number | undefined
  private readonly running: Running
  private inherited: Deadline.Inherited | undefined
  private fiber: Fiber.Fiber<unknown, unknown> | undefined
  private hold: Deadline.Hold | undefined
  private settled = false
  private answering = false
  private expired = false

  constructor(running: Running) {
    this.running = running
    this.name = running.name
    this.remaining = running.remaining
  }

  start(effect: Effect.Effect<unknown, unknown>, context: Context.Context<never>): void {
    this.inherited = Deadline.inherit(Context.add(context, Speaker, this), this)
    const fiber = Effect.runForkWith(this.inherited.context)(effect)
    this.fiber = fiber
    fiber.addObserver((exit) => {
      this.settled = true
      this.inherited!.end()
      this.running.end(exit)
    })
  }

  /** What is left behind when the call has ended is not heard any more. */
  send(up: message.Up): void {
    if (!this.settled) this.running.send(message.write(up))
  }

  onOpen(hold: Deadline.Hold): void {
    this.hold = hold
  }

  onProgress({ done, message: text, total }: Progress.Report): void {
    this.send(["progress", { done, total, message: text }])
  }

  onExtend(by: number): void {
    this.send(["extend", by])
  }

  onAnswering(answering: boolean): void {
    this.answering = answering
    this.send(["answering", answering])
    // What follows the answer of a call inside is given a moment: see `Deadline`.
    if (!answering && this.expired) Effect.runForkWith(this.inherited!.context)(Effect.sleep(1)).addObserver(() => this.interrupt())
  }

  /** The time of this call alone is over: calls inside answer first. */
  readonly expire = (): void => {
    this.expired = true
    if (this.answering) this.hold?.reached()
    else this.interrupt()
  }

  interrupt(): void {
    if (this.fiber !== undefined && !this.settled) Deadline.interrupt(this.fiber)
  }

  receive(text: string): void {
    if (this.settled || (this.hold === undefined && this.running.onReader === undefined)) return
    const down = message.read<message.Down>(text)
    if (down[0] === "want" || down[0] === "got") this.running.onReader?.(down)
    else if (down[0] === "left") this.hold?.moved(down[1])
    else this.hold?.reached()
  }
}

/** The answer to an exit. A result that cannot travel, or a codec that breaks, never keeps a call from being answered. */
export const answerOf = (task: Hosted, exit: Exit.Exit<unknown, unknown>): Answer => {
  if (Exit.isSuccess(exit)) {
    try {
      const wire = task.success.toWire(exit.value)
      return wire.parts === undefined ? { ok: true, text: wire.text } : { ...wire, ok: true }
    } catch (error) {
      return answer.refused("Unserializable", error instanceof Misfit ? error.message : String(error))
    }
  }
  return cause.toAnswer(task.name, exit.cause, task.error)
}

/** The effect of one call. What the task needs is in its layer. */
export const effectOf = ({ layer, run }: Hosted, value: unknown): Effect.Effect<unknown, unknown> => {
  const effect = Effect.suspend(() => run(value)) as Effect.Effect<unknown, unknown>
  return layer === undefined ? effect : layer.provide(effect)
}

/** The context that all of a call runs in. */
export const contextOf = (meta: Meta | undefined, port: HostPort): Context.Context<never> => {
  let context = port.context === undefined ? base : Context.merge(port.context, base)
  if (meta?.level !== undefined) context = Context.add(context, References.MinimumLogLevel, meta.level as LogLevel.LogLevel)
  if (meta?.span !== undefined) context = Context.add(context, Tracer.ParentSpan, Tracer.externalSpan(meta.span)) as Context.Context<never>
  return context
}

const execute = (task: Hosted, payload: Wire, meta: Meta | undefined, port: HostPort): HostHandle => {
  const call = new HostedCall({
    name: meta?.name ?? task.name,
    remaining: meta?.remaining,
    send: port.send,
    end: (exit) => port.settle(answerOf(task, exit))
  })
  let value: unknown
  try {
    value = task.payload.fromWire(payload)
  } catch (error) {
    port.settle(answer.refused("Rejected", error instanceof Error ? error.message : String(error)))
    return call
  }
  call.start(effectOf(task, value), contextOf(meta, port))
  return call
}

/** The host of a task. `bulk` carries out a chunk. */
export const hostOf = (task: Hosted, bulk: (task: Hosted, payload: Wire, meta: Meta, port: HostPort) => HostHandle): Host => ({
  execute: (payload, meta, port) => (meta?.chunk === undefined ? execute(task, payload, meta, port) : bulk(task, payload, meta, port)),
  close: task.layer === undefined ? undefined : () => Effect.runPromise(task.layer!.close)
})
