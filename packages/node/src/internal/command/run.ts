/** Runs a command to its end. */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { inspect } from "node:util"
import { tee, type Targets } from "../output/tee.ts"
import { Capture } from "./capture.ts"
import * as failure from "./failure.ts"
import { feed } from "./feed.ts"
import { endOf, hide, lastBytes, launch, markOf, reasonOfEnd, text, Trouble } from "./launch.ts"
import type { Life } from "./life.ts"
import type { Line } from "./plan.ts"

/**
 * What became of a program that ended well.
 *
 * @category models
 * @since 0.1.0
 */
export interface Output {
  readonly exitCode: number
  /** What it wrote to its standard output, as UTF-8; empty where that was not captured. */
  readonly stdout: string
  /** What it wrote to its standard error, as UTF-8; empty where that was not captured. */
  readonly stderr: string
  readonly stdoutBytes: Uint8Array
  readonly stderrBytes: Uint8Array
  /** How many bytes were left out, with `overflow: "head"` or `"tail"`. */
  readonly dropped: { readonly stdout: number; readonly stderr: number }
  readonly pid: number
  /** From its start to its end. */
  readonly ranFor: Duration.Duration
}

/** What the program writes goes to `targets`, too, while it runs. */
export const run = (line: Line, targets?: Targets): Effect.Effect<Output, failure.CommandError> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.mapError(
      Effect.gen(function* () {
        const { spec } = line
        const life = yield* launch(line)
        const { stderr, stdin, stdout } = life.child
        const keep = spec.overflow === "tail" ? "tail" : "head"
        const out = new Capture(stdout, spec.maxBytes, keep)
        const err = new Capture(stderr, spec.maxBytes, keep)
        const tees = targets === undefined ? [] : [tee(stdout, targets.stdout), tee(stderr, targets.stderr)]
        const trouble = new Trouble()
        if (spec.overflow === "fail") {
          out.onOverflow = () => trouble.is(({ ended }) => new failure.OutputTooLarge({ stream: "stdout", maxBytes: spec.maxBytes, ended }))
          err.onOverflow = () => trouble.is(({ ended }) => new failure.OutputTooLarge({ stream: "stderr", maxBytes: spec.maxBytes, ended }))
        }
        const feeding = feed(stdin, spec.stdin, (cause) => trouble.is(({ ended }) => new failure.StdinFailed({ cause, ended })))
        const waited = yield* Effect.exit(restore(endOf(life, spec.timeout, trouble)))
        for (const each of tees) each?.rush()
        // Stopped or ended, in either case with nobody left before the last bytes are waited for: they might hold the pipe.
        if (Exit.isFailure(waited) || trouble.reason !== undefined) yield* life.stop
        else if (!life.well || spec.leftovers === "kill") yield* life.kill
        if (Exit.isSuccess(waited)) yield* drained(out, err)
        out.close()
        err.close()
        if (stdin !== null) yield* Effect.promise(feeding.end)
        if (Exit.isFailure(waited)) return yield* Effect.failCause(Cause.combine(waited.cause, markOf(life)))
        const reason = reasonOfEnd(life, spec, trouble, out, err)
        yield* reason === undefined ? life.leave : life.kill
        if (reason !== undefined) return yield* Effect.fail(reason)
        return new Captured(life, out, err)
      }),
      hide(line)
    )
  )

/** Decodes what was written when somebody asks for it. */
class Captured implements Output {
  readonly exitCode: number
  readonly pid: number
  readonly ranFor: Duration.Duration
  readonly dropped: Output["dropped"]
  readonly #out: Capture
  readonly #err: Capture

  constructor(life: Life, out: Capture, err: Capture) {
    this.exitCode = life.end!.exitCode!
    this.pid = life.child.pid
    this.ranFor = Duration.millis(life.ranFor)
    this.dropped = { stdout: out.dropped, stderr: err.dropped }
    this.#out = out
    this.#err = err
  }

  get stdout(): string {
    return text(this.#out.bytes)
  }

  get stderr(): string {
    return text(this.#err.bytes)
  }

  get stdoutBytes(): Uint8Array {
    return this.#out.bytes
  }

  get stderrBytes(): Uint8Array {
    return this.#err.bytes
  }

  toJSON(): unknown {
    return { ...this, stdout: this.stdout, stderr: this.stderr }
  }

  [inspect.custom](): unknown {
    return this.toJSON()
  }
}

/** Waits for the last bytes: until both streams have ended, or have brought nothing for a while since somebody else has them, too. */
const drained = (out: Capture, err: Capture): Effect.Effect<void> => {
  if (out.ended && err.ended) return Effect.void
  return Effect.callback((resume) => {
    const done = (): void => {
      clearTimeout(timer)
      resume(Effect.void)
    }
    const onEnd = (): void => {
      if (out.ended && err.ended) done()
    }
    out.onEnd = onEnd
    err.onEnd = onEnd
    let rounds = 0
    const look = (): void => {
      // The loop may have been held up for longer than that: what is there is read in the next turn.
      const before = out.received + err.received
      setImmediate(() =>
        setImmediate(() => {
          if (out.received + err.received === before || ++rounds > 20) done()
          else look()
        })
      )
    }
    const timer = setTimeout(look, lastBytes)
  })
}
