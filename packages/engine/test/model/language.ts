/**
 * The random programs: a small language of all that a user can do to an engine, and a generator for it.
 *
 * A program is data, so that one that fails can be shrunk, printed and run again. A job names only jobs that were submitted before it, or stand before it in its batch, so there
 * is no cycle; gates are opened before the engine drains, and no limit becomes smaller than the heaviest job. A program of this language can therefore always end: if one does not, the engine is wrong.
 */
import * as fc from "fast-check"

/** How a run may have ended, in the words of `Job.on`. */
export type End = "completed" | "failed" | "timeout" | "cancelled" | "skipped" | "ended"

export type Priority = "high" | "normal" | "low"

/** The resources of every program: `jobs` is the engine's own, the others have weights. */
export const resources = ["jobs", "a", "b"] as const

export type Resource = (typeof resources)[number]

export interface Work {
  /** How long one attempt takes. */
  readonly takes: number
  /** How many attempts go wrong before one goes well. */
  readonly wrong: number
  readonly how: "fail" | "die"
  /** How long its cleanup takes, however it ends. */
  readonly cleanup: number
  /** It cannot be interrupted. */
  readonly stubborn: boolean
  /** Before each attempt ends it waits for this job from the inside, counted back as in a link. */
  readonly waits?: number | undefined
}

/** An upstream job, counted back from the job itself: 0 is the one submitted just before it. */
interface Link {
  readonly back: number
  readonly by: "job" | "handle" | "id"
  readonly ends?: ReadonlyArray<End> | undefined
}

export interface JobSpec {
  readonly work: Work
  readonly after: ReadonlyArray<Link>
  /** Whether all links must hold, or one is enough. */
  readonly links: "all" | "any"
  readonly inputs: ReadonlyArray<{ readonly back: number; readonly as: "result" | "outcome" }>
  /** It waits until this gate is open: 0 and 1 are opened and closed by hand, the last one opens by itself at `opensAt`. */
  readonly gate?: number | undefined
  readonly needs: Readonly<Partial<Record<Resource, number>>>
  readonly priority: Priority
  /** How many times it is tried again. */
  readonly retry?: number | undefined
  readonly backOff: number
  readonly timeout?: number | undefined
  readonly attemptTimeout?: number | undefined
  readonly queueTimeout?: number | undefined
  readonly onUpstream?: "run" | undefined
}

export type Action =
  | { readonly do: "submit"; readonly how: "together" | "one by one"; readonly jobs: ReadonlyArray<JobSpec> }
  | { readonly do: "cancel" | "cancelById" | "rerun"; readonly run: number }
  | { readonly do: "cancelWaiting" }
  | { readonly do: "gate"; readonly gate: number; readonly open: boolean }
  | { readonly do: "resize"; readonly resource: Resource; readonly to: number }

export interface Step {
  /** How long after the step before it. */
  readonly wait: number
  readonly action: Action
}

export interface Program {
  readonly limits: Readonly<Record<Resource, number | "unbounded">>
  readonly onClose: "drain" | "interrupt"
  readonly grace?: number | undefined
  readonly steps: ReadonlyArray<Step>
  /** How long after the last step the engine is closed. */
  readonly closeAfter: number
}

/** When the gate that is opened by nobody opens. */
export const opensAt = 12

/** No job of a program weighs more than this, and no limit is narrowed below it: what cannot fit is refused, which is tested by hand. */
const heaviest = 2

const ms = fc.constantFrom(0, 1, 1, 2, 3, 5, 8, 13)
const some = fc.constantFrom(1, 2, 3, 5, 8, 13)
const maybe = <T>(arbitrary: fc.Arbitrary<T>, weight: number): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary })
const weighted = <T>(...pairs: ReadonlyArray<readonly [weight: number, value: T]>): fc.Arbitrary<T> =>
  fc.oneof(...pairs.map(([weight, value]) => ({ weight, arbitrary: fc.constant(value) })))

const work: fc.Arbitrary<Work> = fc.record({
  takes: ms,
  wrong: weighted([8, 0], [1, 1], [1, 2], [2, 9]),
  how: weighted([3, "fail" as const], [1, "die" as const]),
  cleanup: weighted([6, 0], [1, 1], [1, 4]),
  stubborn: weighted([9, false], [1, true]),
  waits: maybe(fc.nat(5), 7)
})

const ends = fc.subarray<End>(["completed", "failed", "timeout", "cancelled", "skipped", "ended"], { minLength: 1, maxLength: 3 })
const link: fc.Arbitrary<Link> = fc.record({
  back: fc.nat(7),
  by: fc.constantFrom("job" as const, "handle" as const, "id" as const),
  ends: maybe(ends, 2)
})
const needs: fc.Arbitrary<JobSpec["needs"]> = weighted<JobSpec["needs"]>(
  [6, {}],
  [2, { a: 1 }],
  [1, { a: 2 }],
  [2, { b: 1 }],
  [1, { b: 2 }],
  [2, { a: 1, b: 1 }],
  [1, { a: 2, b: 1 }],
  [1, { jobs: 2 }]
)

const job: fc.Arbitrary<JobSpec> = fc.record({
  work,
  after: fc.oneof(
    { weight: 2, arbitrary: fc.constant<ReadonlyArray<Link>>([]) },
    { weight: 3, arbitrary: fc.array(link, { minLength: 1, maxLength: 3 }) }
  ),
  links: weighted([3, "all" as const], [1, "any" as const]),
  inputs: fc.oneof(
    { weight: 3, arbitrary: fc.constant([]) },
    {
      weight: 1,
      arbitrary: fc.array(fc.record({ back: fc.nat(7), as: weighted([3, "result" as const], [1, "outcome" as const]) }), {
        minLength: 1,
        maxLength: 2
      })
    }
  ),
  gate: maybe(fc.nat(2), 5),
  needs,
  priority: weighted([4, "normal" as const], [1, "high" as const], [1, "low" as const]),
  retry: maybe(fc.constantFrom(1, 2), 2),
  backOff: ms,
  timeout: maybe(some, 5),
  attemptTimeout: maybe(some, 8),
  queueTimeout: maybe(some, 8),
  onUpstream: maybe(fc.constant("run" as const), 5)
})

const submit: fc.Arbitrary<Action> = fc.record({
  do: fc.constant("submit" as const),
  how: fc.constantFrom("together" as const, "one by one" as const),
  jobs: fc.array(job, { minLength: 1, maxLength: 24, size: "max" })
})

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom("cancel" as const, "cancelById" as const), run: fc.nat(60) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("rerun" as const), run: fc.nat(60) }) },
  { weight: 1, arbitrary: fc.constant<Action>({ do: "cancelWaiting" }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("gate" as const), gate: fc.nat(1), open: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("resize" as const),
      resource: fc.constantFrom(...resources),
      to: fc.integer({ min: heaviest, max: 5 })
    })
  },
  { weight: 2, arbitrary: submit }
)

const limit = fc.constantFrom<number | "unbounded">(heaviest, heaviest, 3, 4, "unbounded")

/** At most 50 jobs: what is submitted beyond them is left out. */
const atMostFifty = (program: Program): Program => {
  let left = 50
  return {
    ...program,
    steps: program.steps.flatMap((step) => {
      if (step.action.do !== "submit") return [step]
      const jobs = step.action.jobs.slice(0, left)
      left -= jobs.length
      return jobs.length === 0 ? [] : [{ ...step, action: { ...step.action, jobs } }]
    })
  }
}

/** Any program. */
export const program: fc.Arbitrary<Program> = fc
  .record({
    limits: fc.record({ jobs: limit, a: limit, b: limit }),
    onClose: weighted([2, "drain" as const], [1, "interrupt" as const]),
    grace: maybe(fc.constantFrom(0, 1, 3), 2),
    first: submit,
    steps: fc.array(fc.record({ wait: ms, action }), { maxLength: 12, size: "max" }),
    closeAfter: weighted([1, 0], [1, 2], [1, 5], [2, 20], [2, 60])
  })
  .map(({ first, steps, ...rest }) => atMostFifty({ ...rest, steps: [{ wait: 0, action: first }, ...steps] }))
