/** Starts a command and follows it to its end: what running one and talking to one have in common. */
import { killed } from "@skein/parallel/TaskRunner"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as CommandLine from "effect/process/CommandLine"
import { constants } from "node:os"
import { Current as CurrentTree } from "../../ProcessTree.ts"
import type { Capture } from "./capture.ts"
import * as failure from "./failure.ts"
import { Life } from "./life.ts"
import { longestTimer, type Spec } from "./options.ts"
import { type Line, planOf, reasonOf } from "./plan.ts"
import { Current as CurrentStarter, type End } from "./starter.ts"

export const hide = (line: Line) => (reason: failure.Reason) =>
  new failure.CommandError({ command: CommandLine.display([line.program, ...line.args]), reason })

/** Not to be interrupted: what it gives must get an owner. */
export const launch = (line: Line): Effect.Effect<Life, failure.Reason> =>
  Effect.flatMap(CurrentTree, (tree) =>
    Effect.flatMap(CurrentStarter, (starter) => {
      const branch = tree.branch()
      return Effect.onExit(
        Effect.flatMap(planOf(line, branch.variable), (plan) =>
          Effect.map(
            Effect.mapError(starter.start(plan), (refusal) => reasonOf(refusal, plan)),
            (child) => new Life(child, branch, line.spec)
          )
        ),
        (exit) => (Exit.isFailure(exit) ? Effect.sync(branch.release) : Effect.void)
      )
    })
  )

/** How long the last bytes are waited for when it has ended, in milliseconds: they are there already, unless somebody else has the pipe, too. */
export const lastBytes = 250

/** Makes the reason when it is known how it was stopped, and what it had written last. */
type ReasonFor = (stopped: { readonly ended: "signal" | "killed"; readonly stdout: string; readonly stderr: string }) => failure.Reason

/** Why it must be stopped before its end: the first reason counts. */
export class Trouble {
  reason: ReasonFor | undefined
  onReason: () => void = () => {}

  is(reason: ReasonFor): void {
    if (this.reason !== undefined) return
    this.reason = reason
    this.onReason()
  }
}

/** Waits until it has ended, or must be stopped. */
export const endOf = (life: Life, timeout: number, trouble: Trouble): Effect.Effect<void> =>
  Effect.callback((resume) => {
    let timer: NodeJS.Timeout | undefined
    let forget = (): void => {}
    const clean = (): void => {
      clearTimeout(timer)
      forget()
      trouble.onReason = () => {}
    }
    const done = (): void => {
      clean()
      resume(Effect.void)
    }
    if (trouble.reason !== undefined) return done()
    trouble.onReason = done
    if (timeout <= longestTimer) {
      // It may have ended in this very turn of the loop, which has its news after its timers: then the program wins.
      const late = (): void => {
        if (life.end === undefined) trouble.is((stopped) => new failure.TimedOut({ after: Duration.millis(timeout), ...stopped }))
      }
      timer = setTimeout(() => setImmediate(late), timeout - (performance.now() - life.startedAt))
    }
    forget = life.onEnd(done)
    return Effect.sync(clean)
  })

/** Stops it when there is trouble, or when its time is over; the fiber that runs this belongs to who started it. */
export const watch = (life: Life, timeout: number, trouble: Trouble): Effect.Effect<void> =>
  Effect.flatMap(endOf(life, timeout, trouble), () => (trouble.reason === undefined ? Effect.void : life.stop))

/** Waits for its end, whatever that is. */
export const ended = (life: Life): Effect.Effect<End> =>
  Effect.callback((resume) => {
    const forget = life.onEnd(() => resume(Effect.succeed(life.end!)))
    return Effect.sync(forget)
  })

/** How much of each stream an error keeps, in bytes. */
const tailBytes = 4096

/** Why it did not end well, or `undefined`. */
export const reasonOfEnd = (life: Life, spec: Spec, trouble: Trouble, out: Capture, err: Capture): failure.Reason | undefined => {
  const { exitCode, lost, signal } = life.end ?? { exitCode: null, signal: "SIGKILL" as const, lost: undefined }
  const tails = () => ({ stdout: text(out.bytes.subarray(-tailBytes)), stderr: text(err.bytes.subarray(-tailBytes)) })
  const { reason } = trouble
  if (reason !== undefined) return reason({ ended: life.stopped, ...tails() })
  if (lost !== undefined) return new failure.Lost({ message: lost })
  if (life.well) return undefined
  const by = signal ?? (spec.tree === "namespace" ? signalOf(exitCode!) : undefined)
  return by === undefined ? new failure.NonZeroExit({ code: exitCode!, ...tails() }) : new failure.Signaled({ signal: by, ...tails() })
}

/** What a shell means by an exit code above 128. */
const signalOf = (code: number): NodeJS.Signals | undefined =>
  (Object.keys(constants.signals) as Array<NodeJS.Signals>).find((name) => constants.signals[name] === code - 128)

export const text = (bytes: Uint8Array): string => decoder.decode(bytes)
const decoder = new TextDecoder("utf-8", { ignoreBOM: true })

/** The cause that whoever was interrupted ends with when it had to be ended by force. */
export const markOf = (life: Life): Cause.Cause<never> =>
  life.stopped === "killed" ? killed({ flavour: "command", worker: life.child.pid }) : Cause.empty

/** Ends it with its scope: what ended well may leave something behind, everything else is stopped. */
export const closeOf = (life: Life, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { stderr, stdin, stdout } = life.child
    if (life.end === undefined) {
      // Nobody reads any more, and a program that cannot write could not end in peace. Its input stays open: an end of it would look as if it were all there is.
      stdout?.resume()
      stderr?.resume()
    }
    return Effect.andThen(
      life.well ? life.leave : life.stop,
      Effect.suspend(() => {
        stdin?.destroy()
        stdout?.destroy()
        stderr?.destroy()
        return Exit.hasInterrupts(exit) && life.stopped === "killed" ? Effect.failCause(markOf(life)) : Effect.void
      })
    )
  })
