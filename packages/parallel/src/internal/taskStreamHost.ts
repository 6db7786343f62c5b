/**
 * Carries out calls of a stream task where a flavour wants them: runs the stream in a fiber of its own, and sends its elements as long as the reader grants room for them.
 *
 * A call is answered, as one of `taskHost.ts` is, when the stream has ended with its finalizers run. Its elements go before that, as messages. A flavour may send a message by another way than the one before it, if it is long, and
 * nobody hears a message that comes after the answer. So batches are numbered, and before it answers the stream asks whether all have come.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import type { Answer, Host, HostHandle, HostPort, Meta, Wire } from "../TaskRunner.ts"
import * as answer from "./taskAnswer.ts"
import { type Codec, Misfit } from "./taskCodec.ts"
import { answerOf, contextOf, effectOf, HostedCall, type Hosted, type Running } from "./taskHost.ts"

/** What a host has to know of its task; the codec of its results is that of the end. */
export interface Streaming extends Omit<Hosted, "run"> {
  readonly element: Codec
  readonly run: (payload: unknown) => Stream.Stream<unknown, unknown, any>
}

/** Puts away what the reader has not granted room for: waits until it does. */
class Outlet {
  private readonly send: (text: string) => void
  private readonly element: Codec
  private credit: number
  private wake: (() => void) | undefined
  private batches = 0
  private got = false

  constructor(element: Codec, credit: number, send: (text: string) => void) {
    this.element = element
    this.credit = credit
    this.send = send
  }

  readonly onReader: NonNullable<Running["onReader"]> = (down) => {
    if (down[0] === "want") this.credit += down[1]
    else this.got = true
    this.wake?.()
  }

  /** The reader has gone: nobody will say that all has come. This is no interruption, for it may come when the stream has ended and cannot be interrupted any more. */
  leave(): void {
    this.got = true
    this.wake?.()
  }

  /** Waits until all that was sent has come. */
  readonly finish: Effect.Effect<void> = Effect.suspend(() => {
    if (this.batches === 0 || this.got) return Effect.void
    this.send(`["end",${this.batches}]`)
    return this.until(() => this.got)
  })

  /** Sends elements. It ends when there is room for one more, so the stream is not asked for what nobody has room for. */
  give(elements: ReadonlyArray<unknown>, from = 0): Effect.Effect<void> {
    return Effect.suspend(() => {
      const to = Math.min(elements.length, from + this.credit)
      if (to > from) {
        this.credit -= to - from
        const misfit = this.write(from === 0 && to === elements.length ? elements : elements.slice(from, to))
        if (misfit !== undefined) return Effect.die(misfit)
      }
      if (to < elements.length) return Effect.andThen(this.until(this.hasRoom), this.give(elements, to))
      return this.hasRoom() ? Effect.void : this.until(this.hasRoom)
    })
  }

  private readonly hasRoom = (): boolean => this.credit > 0

  private until(holds: () => boolean): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      const look = (): void => {
        if (!holds()) return
        this.wake = undefined
        resume(Effect.void)
      }
      this.wake = look
      look()
      return Effect.sync(() => {
        this.wake = undefined
      })
    })
  }

  /** Writes what can be written; gives what is wrong with the first that cannot. */
  private write(elements: ReadonlyArray<unknown>): Misfit | undefined {
    const { element } = this
    if (elements.every((value) => element.isPlain(value))) {
      this.send(`["some",${this.batches++},${JSON.stringify(elements)}]`)
      return undefined
    }
    const texts: Array<string> = []
    const coded: Array<number> = []
    let misfit: Misfit | undefined
    for (const value of elements) {
      try {
        const isPlain = element.isPlain(value)
        const text = isPlain ? JSON.stringify(value) : element.writeOne(value, true)!
        if (!isPlain && element.mayBePlain) coded.push(texts.length)
        texts.push(text)
      } catch (error) {
        misfit = error instanceof Misfit ? error : new Misfit(String(error))
        break
      }
    }
    if (texts.length > 0)
      this.send(`["some",${this.batches++},[${texts.join(",")}]${coded.length === 0 ? "" : `,${JSON.stringify(coded)}`}]`)
    return misfit
  }
}

const noStream = (name: string, given: unknown): Stream.Stream<never> =>
  Stream.die(new TypeError(`task ${JSON.stringify(name)}: run must give a Stream, got ${typeof given}`))

/** The stream of one call, checked to be one. */
export const streamOf = ({ name, run }: Pick<Streaming, "name" | "run">, payload: unknown): Stream.Stream<unknown, unknown, any> =>
  Stream.suspend(() => {
    const given = run(payload)
    return Stream.isStream(given) ? given : noStream(name, given)
  })

/** An element that cannot travel ends the call; a defect of the stream's cleanup joins it, and then both are told. */
const ended = (task: Hosted, exit: Exit.Exit<unknown, unknown>): Answer => {
  if (Exit.isFailure(exit) && exit.cause.reasons.length === 1) {
    const reason = exit.cause.reasons[0]!
    if (Cause.isDieReason(reason) && reason.defect instanceof Misfit) return answer.refused("Unserializable", reason.defect.message)
  }
  return answerOf(task, Exit.isSuccess(exit) ? Exit.succeed(null) : exit)
}

const execute = (task: Streaming, payload: Wire, meta: Meta | undefined, port: HostPort): HostHandle => {
  const outlet = new Outlet(task.element, meta?.stream?.buffer ?? 0, port.send)
  const run = (value: unknown): Effect.Effect<void, unknown, any> =>
    Effect.onExit(
      Stream.runForEachArray(streamOf(task, value), (elements) => outlet.give(elements)),
      () => outlet.finish
    )
  const hosted: Hosted = { ...task, run }
  const call = new HostedCall({
    name: meta?.name ?? task.name,
    remaining: meta?.remaining,
    send: port.send,
    end: (exit) => port.settle(ended(hosted, exit)),
    onReader: outlet.onReader
  })
  let value: unknown
  try {
    value = task.payload.fromWire(payload)
  } catch (error) {
    port.settle(answer.refused("Rejected", error instanceof Error ? error.message : String(error)))
    return call
  }
  call.start(effectOf(hosted, value), contextOf(meta, port))
  return {
    interrupt: () => {
      outlet.leave()
      call.interrupt()
    },
    receive: (text) => call.receive(text)
  }
}

/** The host of a stream task. */
export const hostOf = (task: Streaming): Host => ({
  execute: (payload, meta, port) => execute(task, payload, meta, port),
  close: task.layer === undefined ? undefined : () => Effect.runPromise(task.layer!.close)
})
