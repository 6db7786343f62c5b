/** Reads and checks the options of a fan-out. */
import type * as GatherResult from "@skein/core/GatherResult"
import type * as Limiter from "@skein/core/Limiter"
import type * as Outcome from "@skein/core/Outcome"
import type * as Progress from "@skein/core/Progress"
import * as Settings from "@skein/core/Settings"
import * as Effect from "effect/Effect"
import type { OnFailure, OnTimeout, Options } from "../Options.ts"

/** Ends calls from inside the library, in the very turn in which it is asked to and with a reason of its own. */
export class Halt {
  /** Set once, when it was asked. */
  reason: Outcome.Reason | undefined = undefined
  private readonly calls = new Set<(reason: Outcome.Reason) => void>()

  /** The first reason is the one that counts. */
  ask(reason: Outcome.Reason): void {
    if (this.reason !== undefined) return
    this.reason = reason
    for (const stop of [...this.calls]) stop(reason)
  }

  /** Calls `stop` when it is asked, until the function it gives is called. */
  watch(stop: (reason: Outcome.Reason) => void): () => void {
    this.calls.add(stop)
    return () => void this.calls.delete(stop)
  }
}

/** What the executor of a stream wants of it. */
interface Within {
  /** Nothing of the stream runs any more. */
  readonly ended: () => void
  /** What a stream fails with whose work is not complete; nothing while the executor is open. */
  readonly refusal: (partial: GatherResult.GatherResult<unknown, unknown, unknown>, pulled: number) => unknown
}

/** Options as they were read and checked. */
export interface Plan {
  readonly where: string
  readonly settings: Settings.Settings
  readonly onFailure: OnFailure
  readonly onTimeout: OnTimeout
  readonly stop: AbortSignal | Effect.Effect<unknown> | undefined
  readonly limiter: Limiter.Limiter<never> | undefined
  readonly priority: Limiter.Priority | undefined
  readonly onOutcome: ((outcome: Outcome.Outcome<unknown, unknown>) => void) | undefined
  readonly onProgress: ((progress: Progress.Progress) => void) | undefined
  readonly nameOf?: ((item: unknown, index: number) => string) | undefined
  /** Who may end the call besides `stop`. */
  readonly halts?: ReadonlyArray<Halt> | undefined
  readonly within?: Within | undefined
}

const own = ["onFailure", "onTimeout", "stop", "limiter", "priority", "onOutcome", "onProgress"]

/** Reads the options of a public function; wrong ones throw at once. `further` are options that only some functions have. */
export const plan = (where: string, options: Options<never, never> | undefined, further: ReadonlyArray<string> = []): Plan => {
  const settings = Settings.read(where, options, [...own, ...further])
  const { limiter, onOutcome, onProgress, stop } = options ?? {}
  if (onProgress !== undefined && typeof onProgress !== "function") throw Settings.mustBe(where, "onProgress", "a function", onProgress)
  if (onOutcome !== undefined && typeof onOutcome !== "function") throw Settings.mustBe(where, "onOutcome", "a function", onOutcome)
  if (stop !== undefined && !isAbortSignal(stop) && !Effect.isEffect(stop)) {
    throw Settings.mustBe(where, "stop", "an AbortSignal or an Effect", stop)
  }
  const nameOf: unknown = (options as { readonly nameOf?: unknown } | undefined)?.nameOf
  if (nameOf !== undefined && typeof nameOf !== "function") throw Settings.mustBe(where, "nameOf", "a function", nameOf)
  if (limiter !== undefined && typeof limiter?.withPermit !== "function") throw Settings.mustBe(where, "limiter", "a Limiter", limiter)
  return {
    where,
    settings,
    onFailure: Settings.oneOf(where, "onFailure", options?.onFailure, ["isolate", "interrupt"]),
    onTimeout: Settings.oneOf(where, "onTimeout", options?.onTimeout, ["partial", "fail"]),
    stop: stop as Plan["stop"],
    limiter,
    priority: options?.priority === undefined ? undefined : Settings.oneOf(where, "priority", options.priority, ["normal", "high", "low"]),
    onOutcome: onOutcome as Plan["onOutcome"],
    onProgress,
    nameOf: nameOf as Plan["nameOf"]
  }
}

export const isAbortSignal = (value: unknown): value is AbortSignal =>
  typeof value === "object" && value !== null && "aborted" in value && typeof (value as AbortSignal).addEventListener === "function"
