/** Reads what a command writes, piece by piece, and fails at the end if it did not end well. */
import type * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Pull from "effect/Pull"
import type * as Scope from "effect/Scope"
import type { Readable, Writable } from "node:stream"
import { Capture } from "./capture.ts"
import type { CommandError } from "./failure.ts"
import * as failure from "./failure.ts"
import { feed } from "./feed.ts"
import { closeOf, hide, lastBytes, launch, reasonOfEnd, Trouble, watch } from "./launch.ts"
import type { Life } from "./life.ts"
import type { Line } from "./plan.ts"

type Pieces = Arr.NonEmptyReadonlyArray<Uint8Array>

/** How it is written to: a piece at a time; false when it reads no more. */
export type Write = (piece: string | Uint8Array) => Effect.Effect<boolean>

/** What an error shows of its standard error; the rest is read and dropped. */
const kept = 4096

/**
 * Starts it for as long as the scope lives. `pump` writes its input, in a fiber of the scope; what it fails with, the reader fails with, and the program sees no end of its input.
 */
export const open = <E, R>(
  line: Line,
  pump: ((write: Write) => Effect.Effect<void, E, R>) | undefined
): Effect.Effect<Pull.Pull<Pieces, CommandError | E>, CommandError, Scope.Scope | R> =>
  Effect.gen(function* () {
    const { spec } = line
    const trouble = new Trouble()
    const life = yield* Effect.acquireRelease(Effect.mapError(launch(line), hide(line)), closeOf)
    const { stderr, stdin, stdout } = life.child
    const err = new Capture(stderr, kept, "tail")
    const reader = new Reader(stdout, life)
    if (pump !== undefined) {
      const pumping = Effect.onExit(pump(writeTo(stdin!)), (exit) =>
        Effect.sync(() => {
          if (Exit.isSuccess(exit)) stdin!.end()
          else reader.fail(exit.cause)
        })
      )
      yield* Effect.forkScoped(pumping, { startImmediately: true })
    } else if (stdin !== null) {
      const feeding = feed(stdin, spec.stdin, (cause) => trouble.is(({ ended }) => new failure.StdinFailed({ cause, ended })))
      yield* Effect.addFinalizer(() => Effect.promise(feeding.end))
    }
    yield* Effect.forkScoped(watch(life, spec.timeout, trouble), { startImmediately: true })
    const nothing = new Capture(null, kept, "tail")
    const finish = Effect.suspend((): Pull.Pull<never, CommandError> => {
      if (trouble.reason === undefined && life.well) return Effect.andThen(life.leave, Cause.done())
      // With trouble the stop is under way.
      return Effect.andThen(
        trouble.reason === undefined ? life.kill : life.stop,
        Effect.suspend(() => Effect.fail(hide(line)(reasonOfEnd(life, spec, trouble, nothing, err)!)))
      )
    })
    return Effect.flatMap(reader.next as Effect.Effect<Pieces | undefined, E>, (pieces): Pull.Pull<Pieces, CommandError | E> =>
      pieces === undefined ? finish : Effect.succeed(pieces)
    )
  })

/** Gives what is there; waits for it, for the end of the program, and a moment longer if somebody else has the pipe, too. */
class Reader {
  readonly #stream: Readable | null
  readonly #life: Life
  #failure: Cause.Cause<unknown> | undefined
  #wake: () => void = () => {}

  constructor(stream: Readable | null, life: Life) {
    this.#stream = stream
    this.#life = life
    const wake = (): void => this.#wake()
    stream?.on("readable", wake)
    stream?.on("end", wake)
    stream?.on("close", wake)
  }

  fail(cause: Cause.Cause<unknown>): void {
    this.#failure ??= cause
    this.#wake()
  }

  /** `undefined` when everything has been read and the program has ended. */
  get next(): Effect.Effect<Pieces | undefined, unknown> {
    return Effect.callback((resume) => {
      let timer: NodeJS.Timeout | undefined
      let over = false
      let forget = (): void => {}
      const clean = (): void => {
        over = true
        clearTimeout(timer)
        forget()
        this.#wake = () => {}
      }
      const answer = (effect: Effect.Effect<Pieces | undefined, unknown>): void => {
        clean()
        resume(effect)
      }
      const look = (last: boolean): void => {
        // What is read now would be lost.
        if (over) return
        if (this.#failure !== undefined) return answer(Effect.failCause(this.#failure))
        const piece = this.#stream?.read() as Buffer | null | undefined
        if (piece !== null && piece !== undefined) return answer(Effect.succeed([piece]))
        if (this.#life.end === undefined) return
        if (last || this.#stream === null || this.#stream.readableEnded || this.#stream.closed) return answer(Effect.succeed(undefined))
        // The loop may have been held up: what is there by then is read in the next turn.
        timer ??= setTimeout(() => setImmediate(() => setImmediate(look, true)), lastBytes)
      }
      this.#wake = () => look(false)
      look(false)
      if (!over) forget = this.#life.onEnd(() => look(false))
      return Effect.sync(clean)
    })
  }
}

const writeTo =
  (stdin: Writable): Write =>
  (piece) =>
    Effect.callback((resume) => {
      if (!stdin.writable) return resume(Effect.succeed(false))
      if (stdin.write(piece)) return resume(Effect.succeed(true))
      const done = (): void => {
        clean()
        resume(Effect.sync(() => stdin.writable))
      }
      const clean = (): void => {
        stdin.off("drain", done)
        stdin.off("close", done)
      }
      stdin.on("drain", done)
      stdin.on("close", done)
      return Effect.sync(clean)
    })
