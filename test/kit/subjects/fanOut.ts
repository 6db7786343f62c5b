/** Fan-outs as subjects: with each joiner that looks at every outcome, and with one that ends at the first failure. */
import * as GatherResult from "@skein/core/GatherResult"
import type * as Outcome from "@skein/core/Outcome"
import { fanOut, Joiner } from "@skein/parallel"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Order from "effect/Order"
import { answer, resultOf, type Subject } from "../subject.ts"
import { toEffect } from "../work.ts"

/** The result is what the joiner gives or fails with; where that is only a part of it, what the observer saw. */
const subject = (name: string, joiner: () => Joiner.Joiner<any, any, unknown, unknown>, onFailure: Subject["onFailure"]): Subject => ({
  name: `fanOut, ${name}`,
  flavour: "inline",
  engine: "fanOut",
  onFailure,
  kind: "gather",
  size: "known",
  run: (works, options, recorder) =>
    Effect.suspend(() => {
      const seen: Array<Outcome.Outcome<unknown, unknown>> = []
      const onOutcome = (outcome: Outcome.Outcome<unknown, unknown>): void => {
        seen.push(outcome)
        return options.onOutcome?.(outcome)
      }
      const run = fanOut(
        works.map((work) => toEffect(work, recorder)),
        joiner(),
        { ...options, onOutcome }
      )
      return answer(run, (exit) =>
        Exit.isSuccess(exit) ? (isResult(exit.value) ? exit.value : resultOf(seen, works.length)) : GatherResult.fromCause(exit.cause)
      )
    })
})

const isResult = (value: unknown): value is GatherResult.GatherResult<unknown, unknown> =>
  typeof value === "object" && value !== null && "list" in value

export const fanOuts: ReadonlyArray<Subject> = [
  subject("Joiner.until", () => Joiner.until(() => false), "isolate"),
  subject("Joiner.merge", () => Joiner.merge((_, result) => result, { atLeast: 0 }), "isolate"),
  subject(
    "Joiner.reduce",
    () =>
      Joiner.reduce(
        () => 0,
        (n) => n + 1
      ),
    "isolate"
  ),
  subject("Joiner.best", () => Joiner.best(Order.String), "isolate"),
  subject("Joiner.all that collects", () => Joiner.all({ onFailure: "collect" }), "isolate"),
  subject("Joiner.all that interrupts", () => Joiner.all(), "interrupt")
]
