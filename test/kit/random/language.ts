/**
 * The random programs: a small language of everything a user can do to a group, a gather, a limiter and a deadline, and a generator for it.
 *
 * A program is data, so that one that fails can be shrunk, printed and run again. Who may wait for whom is decided by where things stand in the program, never by chance:
 * a frame sees only handles that were made before it, and nothing of what is outside of a permit it holds. A program of this language can therefore always end, unless it
 * says `hang`; if one does not, Skein is wrong.
 */
import * as fc from "fast-check"

export type Frame = ReadonlyArray<Op>

export interface CallOptions {
  readonly concurrency: number | "unbounded"
  readonly onFailure: "isolate" | "interrupt" | "collect"
  readonly timeout?: number | undefined
  readonly taskTimeout?: number | undefined
  readonly queueTimeout?: number | undefined
  readonly grace?: number | undefined
}

export interface GatherOptions extends CallOptions {
  readonly onFailure: "isolate" | "interrupt"
  readonly attemptTimeout?: number | undefined
  /** How many times a failed task is tried again. */
  readonly retry?: number | undefined
  readonly backOff?: number | undefined
  /** Which limiter bounds it too. */
  readonly limiter?: number | undefined
  /** When the option `stop` ends the call. */
  readonly stop?: number | undefined
}

export interface Cleanup {
  readonly takes: number | "hang"
  readonly ends: "value" | "fail" | "die"
}

export type Op =
  | { readonly op: "sleep"; readonly ms: number }
  | { readonly op: "yield" }
  | { readonly op: "fail" }
  | { readonly op: "die" }
  | { readonly op: "interruptSelf" }
  | {
      readonly op: "spawn"
      readonly group: number
      readonly task: Frame
      readonly timeout?: number | undefined
      readonly priority: "high" | "normal" | "low"
    }
  | { readonly op: "await" | "join" | "cancel"; readonly handle: number }
  | { readonly op: "cancelGroup" | "joinGroup" | "next" | "stats"; readonly group: number }
  | { readonly op: "group" | "scoped"; readonly options: CallOptions; readonly body: Frame }
  | {
      readonly op: "gather"
      readonly form: "map" | "array" | "record" | "generator"
      readonly options: GatherOptions
      readonly tasks: ReadonlyArray<Frame>
    }
  | {
      readonly op: "permit"
      readonly limiter: number
      readonly weight: number
      readonly priority: "high" | "normal" | "low"
      readonly body: Frame
    }
  | { readonly op: "resize"; readonly limiter: number; readonly permits: number }
  | { readonly op: "pause"; readonly limiter: number; readonly ms: number }
  | { readonly op: "deadline"; readonly ms: number; readonly body: Frame }
  | { readonly op: "extend"; readonly ms: number }
  | { readonly op: "timeout"; readonly ms: number; readonly body: Frame }
  | { readonly op: "uninterruptible" | "fork" | "caught"; readonly body: Frame }
  | { readonly op: "ensure"; readonly body: Frame; readonly cleanup: Cleanup }

export interface Program {
  readonly limiters: ReadonlyArray<number>
  readonly main: Frame
}

/** A cleanup that outlasts every grace, and ends in the end. */
export const veryLong = 60_000

const ms = fc.constantFrom(0, 1, 1, 2, 3, 5, 8, 13)
const nat = fc.nat(5)
const maybe = <T>(arbitrary: fc.Arbitrary<T>, weight = 3): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary })
const priority = fc.constantFrom("normal" as const, "normal" as const, "high" as const, "low" as const)
const concurrency = fc.constantFrom<number | "unbounded">(1, 1, 2, 2, 3, "unbounded")

const shared = {
  concurrency,
  timeout: maybe(ms, 4),
  taskTimeout: maybe(ms, 4),
  queueTimeout: maybe(ms, 6),
  grace: maybe(fc.constantFrom(0, 1, 4), 2)
}

const callOptions: fc.Arbitrary<CallOptions> = fc.record({ ...shared, onFailure: fc.constantFrom("isolate", "interrupt", "collect") })

const gatherOptions: fc.Arbitrary<GatherOptions> = fc.record({
  ...shared,
  onFailure: fc.constantFrom("isolate", "interrupt"),
  attemptTimeout: maybe(ms, 6),
  retry: maybe(fc.constantFrom(1, 2), 3),
  backOff: maybe(ms, 1),
  limiter: maybe(nat, 3),
  stop: maybe(ms, 6)
})

const cleanup = (hangs: boolean): fc.Arbitrary<Cleanup> =>
  fc.record({
    takes: hangs ? fc.constantFrom<number | "hang">(0, 0, 1, 3, veryLong, "hang") : fc.constantFrom<number | "hang">(0, 0, 1, 3, veryLong),
    ends: fc.constantFrom("value", "value", "fail", "die")
  })

const leaf: fc.Arbitrary<Op> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ op: fc.constant("sleep" as const), ms }) },
  { weight: 2, arbitrary: fc.constant<Op>({ op: "yield" }) },
  { weight: 2, arbitrary: fc.constant<Op>({ op: "fail" }) },
  { weight: 1, arbitrary: fc.constant<Op>({ op: "die" }) },
  { weight: 1, arbitrary: fc.constant<Op>({ op: "interruptSelf" }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constantFrom("await" as const, "join" as const, "cancel" as const), handle: nat }) },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constantFrom("cancelGroup" as const, "joinGroup" as const, "next" as const, "stats" as const),
      group: nat
    })
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("resize" as const), limiter: nat, permits: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("pause" as const), limiter: nat, ms }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("extend" as const), ms }) }
)

/** Programs whose nesting ends at `depth`. */
const frame = (depth: number, hangs: boolean): fc.Arbitrary<Frame> => {
  if (depth <= 0) return fc.array(leaf, { maxLength: 3 })
  const inner = frame(depth - 1, hangs)
  const spawn = fc.record({ op: fc.constant("spawn" as const), group: fc.nat(2), task: inner, timeout: maybe(ms, 5), priority })
  const node: fc.Arbitrary<Op> = fc.oneof(
    { weight: 5, arbitrary: leaf },
    { weight: 6, arbitrary: spawn },
    {
      weight: 3,
      arbitrary: fc.record({
        op: fc.constantFrom("group" as const, "group" as const, "scoped" as const),
        options: callOptions,
        // A group without tasks tests nothing: its body begins with some.
        body: fc
          .tuple(
            fc.array(
              fc.record({ op: fc.constant("spawn" as const), group: fc.constant(0), task: inner, timeout: maybe(ms, 5), priority }),
              { minLength: 1, maxLength: 3 }
            ),
            inner
          )
          .map(([spawns, rest]): Frame => [...spawns, ...rest])
      })
    },
    {
      weight: 3,
      arbitrary: fc.record({
        op: fc.constant("gather" as const),
        form: fc.constantFrom("map" as const, "array" as const, "record" as const, "generator" as const),
        options: gatherOptions,
        tasks: fc.array(inner, { maxLength: 4 })
      })
    },
    {
      weight: 3,
      arbitrary: fc.record({ op: fc.constant("permit" as const), limiter: nat, weight: fc.constantFrom(1, 1, 1, 2), priority, body: inner })
    },
    { weight: 2, arbitrary: fc.record({ op: fc.constant("deadline" as const), ms, body: inner }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant("timeout" as const), ms, body: inner }) },
    {
      weight: 2,
      arbitrary: fc.record({ op: fc.constantFrom("uninterruptible" as const, "fork" as const, "caught" as const), body: inner })
    },
    { weight: 2, arbitrary: fc.record({ op: fc.constant("ensure" as const), body: inner, cleanup: cleanup(hangs) }) }
  )
  return fc.array(node, { maxLength: 4 })
}

/** Any program that must end. */
export const program: fc.Arbitrary<Program> = fc.record({
  limiters: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 2 }),
  main: frame(3, false)
})

/** Programs in which cleanup may hang for ever: they may deadlock, and must keep every other promise. */
export const hangingProgram: fc.Arbitrary<Program> = fc.record({
  limiters: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 2 }),
  main: frame(3, true)
})

const contended = (depth: number): fc.Arbitrary<Frame> => {
  const rest: fc.Arbitrary<Op> = fc.oneof(
    { weight: 2, arbitrary: fc.record({ op: fc.constant("sleep" as const), ms }) },
    { weight: 1, arbitrary: fc.constant<Op>({ op: "yield" }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant("resize" as const), limiter: nat, permits: fc.integer({ min: 1, max: 3 }) }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant("pause" as const), limiter: nat, ms }) }
  )
  if (depth <= 0) return fc.array(rest, { maxLength: 1 })
  const inner = contended(depth - 1)
  const permit: fc.Arbitrary<Op> = fc.record({
    op: fc.constant("permit" as const),
    limiter: nat,
    weight: fc.constantFrom(1, 1, 2),
    priority,
    body: inner
  })
  const options = {
    concurrency,
    grace: fc.constant(undefined),
    timeout: fc.constant(undefined),
    taskTimeout: fc.constant(undefined),
    queueTimeout: fc.constant(undefined)
  }
  const nested: fc.Arbitrary<Op> = fc.oneof(
    fc.record({
      op: fc.constant("gather" as const),
      form: fc.constantFrom("map" as const, "record" as const),
      options: fc.record({ ...options, onFailure: fc.constant("isolate" as const), limiter: maybe(nat, 1) }),
      tasks: fc.array(inner, { minLength: 1, maxLength: 2 })
    }),
    fc.record({ op: fc.constant("deadline" as const), ms: fc.constant(veryLong), body: inner }),
    fc.record({
      op: fc.constant("group" as const),
      options: fc.record({ ...options, onFailure: fc.constant("isolate" as const) }),
      body: fc.array(fc.record({ op: fc.constant("spawn" as const), group: fc.constant(0), task: inner, priority }), {
        minLength: 1,
        maxLength: 2
      })
    })
  )
  return fc.array(fc.oneof({ weight: 4, arbitrary: permit }, { weight: 2, arbitrary: nested }, { weight: 1, arbitrary: rest }), {
    minLength: 1,
    maxLength: 2
  })
}

/** Programs in which several tasks take the permits of two limiters in every order, and nest, with nothing that would end a wait by its time. */
export const contendedProgram: fc.Arbitrary<Program> = fc.record({
  limiters: fc.array(fc.integer({ min: 1, max: 2 }), { minLength: 1, maxLength: 2 }),
  main: fc.array(contended(3), { minLength: 2, maxLength: 3 }).map((tasks): Frame => [
    {
      op: "gather",
      form: "map",
      options: { concurrency: "unbounded", onFailure: "isolate" },
      tasks
    }
  ])
})
