/** The laws where a call has its answer before its tasks have ended: fan-outs that decide early, and hedged calls. */
import * as GatherResult from "@skein/core/GatherResult"
import * as Limiter from "@skein/core/Limiter"
import { fanOut, Hedge, Joiner } from "@skein/parallel"
import {
  cleanBeforeReturn,
  equal,
  equalWords,
  errorOf,
  everywhere,
  fail,
  isTrue,
  recorder,
  stoppedOnce,
  toEffect,
  underEverySchedule,
  valueOf,
  type Work,
  wordsOf
} from "@skein/test/kit"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Order from "effect/Order"
import { describe, it } from "vitest"

/** Two values at different times, and others of which each takes another way to stop. */
const works: ReadonlyArray<Work> = [
  { name: "slow to clean", takes: Infinity, cleanup: { takes: 7 } },
  { name: "second", takes: 3 },
  { name: "first", takes: 2 },
  { name: "payment", takes: 5, uninterruptible: true },
  { name: "messy", takes: Infinity, cleanup: { ends: "die" } },
  { name: "queued", takes: 90 }
]

type AnyJoiner = Joiner.Joiner<string, string, unknown, unknown>

const deciders: Readonly<Record<string, { readonly joiner: () => AnyJoiner; readonly gives: unknown; readonly at: number }>> = {
  first: { joiner: () => Joiner.first(), gives: valueOf("first"), at: 2 },
  firstN: { joiner: () => Joiner.firstN(2), gives: [valueOf("first"), valueOf("second")].join(), at: 3 },
  quorum: { joiner: () => Joiner.quorum(2), gives: [valueOf("first"), valueOf("second")].join(), at: 3 },
  until: {
    joiner: () =>
      Joiner.make({
        initial: (): unknown => undefined,
        onOutcome: (state, outcome) => (outcome.index === 1 ? Joiner.decided(outcome.status) : Joiner.next(state)),
        onEnd: (state) => Effect.succeed(state)
      }),
    gives: "completed",
    at: 3
  }
}

describe("law 1: who decides early waits for the cleanup of the rest, and asks each of them once", () => {
  for (const [name, { at, gives, joiner }] of Object.entries(deciders)) {
    it(`Joiner.${name}`, () => {
      let record = recorder()
      let got: unknown
      return everywhere(undefined, {
        program: () => {
          got = undefined
          record = recorder()
          const effects = works.map((work) => toEffect(work, record))
          const run = Effect.onExit(fanOut(effects, joiner(), { concurrency: 5 }), () => record.mark("returned"))
          return Effect.andThen(
            Effect.exit(
              Effect.map(run, (value) => {
                got = value
              })
            ),
            Effect.sleep(1_000)
          )
        },
        seeds: 800,
        after: ({ elapsed, interrupted }) => {
          cleanBeforeReturn(record)
          stoppedOnce(record)
          if (interrupted !== undefined) return
          equal("the answer", String(got), gives)
          // The slowest cleanup, from the instant of the decision, or the payment that cannot be interrupted.
          equal("elapsed", Duration.toMillis(elapsed), 1_000 + Math.max(at + 7, 5))
        }
      })
    })
  }
})

describe("law 1: what decides before anything was suspended starts nothing more, and leaves nothing", () => {
  for (const [name, joiner] of Object.entries({
    "Joiner.first": () => Joiner.first(),
    "Joiner.until": () => Joiner.until(() => true),
    "Joiner.all of what fails": () => Joiner.all()
  } satisfies Record<string, () => AnyJoiner>)) {
    it(name, () => {
      let started: Array<string> = []
      return everywhere(undefined, {
        program: () =>
          Effect.suspend(() => {
            started = []
            const eager = (name: string) =>
              Effect.suspend(() => {
                started.push(name)
                return name === "x" ? Effect.succeed(name) : Effect.fail(name)
              })
            const first = name.includes("fails") ? eager("a") : eager("x")
            return Effect.exit(fanOut([first, eager("y"), Effect.as(Effect.sleep(1_000), "late")], joiner(), { concurrency: 1 }))
          }),
        seeds: 400,
        after: ({ interrupted }) => {
          if (interrupted === undefined) equal("started", started.length, 1)
        }
      })
    })
  }
})

describe("law 3: the first value is the one that came first, whatever its place, and nothing else is waited for", () => {
  for (const [place, order] of [
    ["first of all", [0, 1, 2]] as const,
    ["in the middle", [1, 0, 2]] as const,
    ["last", [1, 2, 0]] as const
  ]) {
    it(`the quick one is ${place}`, () => {
      let got: unknown
      return everywhere(undefined, {
        program: () => {
          got = undefined
          const racers = [
            Effect.as(Effect.sleep(2), "quick"),
            Effect.as(Effect.sleep(3), "slow"),
            Effect.andThen(Effect.sleep(1), Effect.fail("broken"))
          ]
          return Effect.map(
            fanOut(
              order.map((i) => racers[i]!),
              Joiner.first()
            ),
            (value) => {
              got = value
            }
          )
        },
        after: ({ elapsed, interrupted }) => {
          if (interrupted !== undefined) return
          equal("the winner", got, "quick")
          equal("elapsed", Duration.toMillis(elapsed), 2)
        }
      })
    })
  }
})

const nothing = {
  all: () => Joiner.all(),
  first: () => Joiner.first(),
  firstN: () => Joiner.firstN(2),
  quorum: () => Joiner.quorum(2),
  merge: () => Joiner.merge((values: Array<string>) => values.length),
  "merge, at least 0": () => Joiner.merge((values: Array<string>) => values.length, { atLeast: 0 }),
  best: () => Joiner.best(Order.String),
  reduce: () =>
    Joiner.reduce(
      () => "nothing",
      () => "something"
    ),
  until: () => Joiner.until(() => true)
} satisfies Record<string, () => Joiner.Joiner<string, string, unknown, unknown>>

const ofNothing: Readonly<Record<keyof typeof nothing, string>> = {
  all: "",
  first: "NoInput",
  firstN: "NoInput",
  quorum: "NoInput",
  merge: "NoInput",
  "merge, at least 0": "0",
  best: "NoInput",
  reduce: "nothing",
  until: "0 outcomes"
}

describe("law 3: a fan-out of nothing ends at once, in a defined way", () => {
  for (const [name, joiner] of Object.entries(nothing) as ReadonlyArray<[keyof typeof nothing, () => AnyJoiner]>) {
    it(`Joiner.${name}`, () => {
      let got = ""
      return underEverySchedule(undefined, {
        program: () => {
          got = ""
          return Effect.matchCause(fanOut([] as ReadonlyArray<Effect.Effect<string, string>>, joiner()), {
            onSuccess: (value) => {
              got = typeof value === "object" && value !== null && "total" in value ? `${String(value.total)} outcomes` : String(value)
            },
            onFailure: (cause) => {
              const [reason] = cause.reasons
              got = reason?._tag === "Fail" && reason.error instanceof Joiner.JoinError ? reason.error.reason._tag : String(cause)
            }
          })
        },
        seeds: 100,
        after: ({ elapsed }) => {
          equal("the answer", got, ofNothing[name])
          equal("elapsed", Duration.toMillis(elapsed), 0)
        }
      })
    })
  }
})

describe("law 6: what can no longer be met fails at once, with every cause", () => {
  const impossible: Readonly<
    Record<string, { readonly joiner: () => AnyJoiner; readonly at: number; readonly causes: ReadonlyArray<string> }>
  > = {
    "Joiner.quorum": { joiner: () => Joiner.quorum(3), at: 2, causes: ["a", "b"] },
    "Joiner.merge, at least 3": { joiner: () => Joiner.merge((values) => values, { atLeast: 3 }), at: 2, causes: ["a", "b"] },
    "Joiner.all": { joiner: () => Joiner.all(), at: 1, causes: ["a"] }
  }
  for (const [name, { at, causes, joiner }] of Object.entries(impossible)) {
    it(name, () => {
      let exit: Exit.Exit<unknown, unknown> | undefined
      return everywhere(undefined, {
        program: () => {
          exit = undefined
          const record = recorder()
          const four: ReadonlyArray<Work> = [
            { name: "a", takes: 1, ends: "fail" },
            { name: "endless", takes: Infinity },
            { name: "b", takes: 2, ends: "die" },
            { name: "stays out", takes: 9 }
          ]
          return Effect.map(
            Effect.exit(
              fanOut(
                four.map((work) => toEffect(work, record)),
                joiner()
              )
            ),
            (e) => {
              exit = e
            }
          )
        },
        after: ({ elapsed, interrupted }) => {
          if (interrupted !== undefined) return
          equal("elapsed", Duration.toMillis(elapsed), at)
          const reason = Exit.isFailure(exit!) ? exit.cause.reasons[0] : undefined
          const error = reason !== undefined && Cause.isFailReason(reason) ? reason.error : undefined
          if (!(error instanceof Joiner.JoinError)) return fail(`no JoinError: ${String(exit)}`)
          const told = GatherResult.errors(error.result).flatMap(({ cause }) =>
            cause.reasons.map((reason) => (reason._tag === "Fail" ? reason.error : reason._tag === "Die" ? reason.defect : "interrupted"))
          )
          equalWords("causes", told, causes.map(errorOf))
        }
      })
    })
  }
})

describe("law 9: a value that comes after the decision is late, and nobody's answer", () => {
  it("Joiner.first", () => {
    let words: Array<string> = []
    let got: unknown
    return everywhere(undefined, {
      program: () => {
        words = []
        got = undefined
        const record = recorder()
        const onOutcome = (outcome: { readonly _tag: string }): void => {
          words.push(outcome._tag === "Completed" && (outcome as { late?: boolean }).late === true ? "late" : outcome._tag)
        }
        const two: ReadonlyArray<Work> = [
          { name: "payment", takes: 9, uninterruptible: true },
          { name: "quick", takes: 1 }
        ]
        return Effect.map(
          fanOut(
            two.map((work) => toEffect(work, record)),
            Joiner.first(),
            { onOutcome }
          ),
          (value) => {
            got = value
          }
        )
      },
      after: ({ interrupted }) => {
        if (interrupted !== undefined) return
        equal("the answer", got, valueOf("quick"))
        equalWords("outcomes", words, ["Completed", "late"])
      }
    })
  })
})

describe("law 13: a joiner that throws is a defect, after everything was stopped and cleaned up", () => {
  for (const where of ["initial", "onOutcome", "onEnd"] as const) {
    it(where, () => {
      let record = recorder()
      let exit: Exit.Exit<unknown, unknown> | undefined
      const thrower = (here: string): void => {
        if (here === where) throw new Error("the joiner is broken")
      }
      return everywhere(undefined, {
        program: () => {
          record = recorder()
          exit = undefined
          const joiner = Joiner.make({
            initial: () => thrower("initial"),
            onOutcome: () => {
              thrower("onOutcome")
              return Joiner.next(undefined)
            },
            onEnd: () => {
              thrower("onEnd")
              return Effect.void
            }
          })
          const three: ReadonlyArray<Work> = [
            { name: "a", takes: 1 },
            { name: "b", takes: 20, cleanup: { takes: 3 } }
          ]
          const run = Effect.onExit(
            fanOut(
              three.map((work) => toEffect(work, record)),
              joiner
            ),
            () => record.mark("returned")
          )
          return Effect.map(Effect.exit(run), (e) => {
            exit = e
          })
        },
        after: ({ interrupted }) => {
          cleanBeforeReturn(record)
          if (interrupted !== undefined) return
          isTrue("a defect", Exit.isFailure(exit!) && Cause.hasDies(exit.cause))
          isTrue("what it threw", String(Exit.isFailure(exit!) ? Cause.squash(exit.cause) : "").includes("the joiner is broken"))
          const partial = Exit.isFailure(exit!) ? GatherResult.fromCause(exit.cause) : undefined
          // Whatever there was rides on the cause.
          if (where === "onEnd") equalWords("outcomes", wordsOf(partial as never), ["completed", "completed"])
        }
      })
    })
  }
})

describe("law 4: hedged calls", () => {
  it("never run more than their copies, nor more further copies than their budget has, and hold no permit afterwards", () => {
    let running: Array<number> = []
    let starts = 0
    let limiter = Limiter.makeUnsafe({ permits: 1 })
    const calls = 4
    const [min, ratio] = [1, 0.25]
    return everywhere(undefined, {
      program: () =>
        Effect.gen(function* () {
          running = Array.from({ length: calls }, () => 0)
          starts = 0
          limiter = Limiter.makeUnsafe({ permits: 6 })
          const budget = yield* Hedge.budget({ min, ratio })
          const work = (call: number) =>
            Effect.suspend(() => {
              let inside = 0
              const copy = Effect.suspend(() => {
                starts++
                running[call]! += inside = 1
                return Effect.sleep(1 + ((call + starts) % 3) * 4)
              })
              return Effect.onExit(copy, () =>
                Effect.andThen(
                  Effect.yieldNow,
                  Effect.sync(() => (running[call]! -= inside))
                )
              )
            })
          yield* Effect.forEach([...running.keys()], (call) => Hedge.run(work(call), { after: 2, copies: 3, budget, limiter }), {
            concurrency: "unbounded"
          })
        }),
      invariant: () => {
        if (running.some((copies) => copies > 3)) fail(`copies: ${running.join()}`)
        if (starts > calls + min + ratio * calls) fail(`${starts} starts`)
      },
      after: ({ interrupted }) => {
        const { running: used, waiting } = Effect.runSync(limiter.stats)
        equal("permits in use", used + waiting, 0)
        equal(
          "copies alive",
          running.reduce((a, b) => a + b, 0),
          0
        )
        if (interrupted === undefined) isTrue("some were hedged", starts > calls)
      }
    })
  })

  it("take the first answer, stop the others once, and return when these are clean", () => {
    let record = recorder()
    let got: unknown
    return everywhere(undefined, {
      program: () => {
        record = recorder()
        got = undefined
        const times = [9, 9, 2]
        let copies = 0
        const copy = Effect.suspend(() => {
          const n = copies++
          return toEffect({ name: `copy ${n}`, takes: times[n]!, cleanup: { takes: 3 } }, record)
        })
        return Effect.map(
          Effect.onExit(Hedge.run(copy, { after: 1, copies: 3 }), () => record.mark("returned")),
          (value) => {
            got = value
          }
        )
      },
      after: ({ elapsed, interrupted }) => {
        cleanBeforeReturn(record)
        stoppedOnce(record)
        if (interrupted !== undefined) return
        equal("the answer", got, valueOf("copy 2"))
        // Two milliseconds until the third copy starts, its own two and its cleanup; then that of the others.
        equal("elapsed", Duration.toMillis(elapsed), 10)
      }
    })
  })
})
