/**
 * What is known of one run of a random program: kept by the program itself from what its works do and from what the engine says of each change, so that both can be compared.
 */
import type * as Exit from "effect/Exit"
import type * as Job from "../../src/Job.ts"
import type { End, JobSpec, Priority, Program, Resource } from "./language.ts"
import { opensAt, resources } from "./language.ts"

/** One description, and the runs that the engine made of it, oldest first. */
export interface DescriptionRecord {
  readonly key: number
  readonly name: string
  readonly spec: JobSpec
  readonly links: ReadonlyArray<LinkRecord>
  job: Job.Job<string, string> | undefined
  readonly runs: Array<RunRecord>
}

export interface LinkRecord {
  readonly kind: "all" | "any" | "result" | "outcome"
  readonly to: DescriptionRecord
  readonly wants: ReadonlySet<End>
}

/** A link of a run: the run that it waits for. */
interface Upstream {
  readonly kind: LinkRecord["kind"]
  readonly run: RunRecord
  readonly wants: ReadonlySet<End>
}

export interface Attempt {
  readonly run: RunRecord
  readonly number: number
  readonly startedAt: number
  /** When its cleanup began. */
  leavingAt: number | undefined
  endedAt: number | undefined
  /** The run that it waits for from the inside: what it holds is lent. `asked` once it was interrupted in such a wait: it may or may not have got it back. */
  lentFor: RunRecord | "asked" | undefined
  lentAt: number
  exit: Exit.Exit<unknown, unknown> | undefined
}

export type Stand = "new" | "upstream" | "condition" | "limit" | "running" | "retry" | "ended"

/** One run of a job. */
export interface RunRecord {
  readonly id: string
  readonly of: DescriptionRecord
  readonly upstream: ReadonlyArray<Upstream>
  readonly submittedAt: number
  handle: Job.Handle<string, string> | undefined
  stands: Stand
  /** Where it stands in the queue: runs that came later have a higher number. */
  queued: number
  queuedAt: number
  /** How often it has been seen to start, and when first and last. */
  starts: number
  firstStart: number
  lastStart: number
  /** Its condition held at some moment at which its dependencies did. */
  conditionHeld: boolean
  /** What its work saw. */
  readonly attempts: Array<Attempt>
  /** When somebody asked for its end by its handle or id, and whether somebody may have by a filter. */
  cancelledAt: number | undefined
  mayBeCancelled: boolean
  /** When its last attempt ended in the engine's eyes. */
  pausedAt: number
  end: Job.End<unknown, unknown> | undefined
  endedAt: number
  /** What the handle's `await` gave. */
  readonly told: Array<Job.End<unknown, unknown>>
}

const rank: Readonly<Record<Priority, number>> = { high: 0, normal: 1, low: 2 }

/** What one run of a program has done so far. */
export class World {
  readonly program: Program
  readonly descriptions: Array<DescriptionRecord> = []
  readonly runs: Array<RunRecord> = []
  readonly byId = new Map<string, RunRecord>()
  /** Which gates are open now. */
  readonly open = [false, false]
  readonly limits: Record<Resource, number>
  /** When the engine was told to close, and when it had. */
  closingAt: number | undefined
  closedAt: number | undefined
  /** Promises that were broken, in the order in which it was seen. */
  readonly broken: Array<string> = []
  readonly met = new Set<string>()
  readonly events: Array<string> = []
  /** Cancellations by a filter that are under way. */
  sweeps = 0
  clock: () => number = () => 0
  last = 0
  /** How many have come to the queue. */
  arrivals = 0
  private ids = 0

  constructor(program: Program) {
    this.program = program
    this.limits = Object.fromEntries(
      resources.map((name) => [name, program.limits[name] === "unbounded" ? Infinity : program.limits[name]])
    ) as Record<Resource, number>
  }

  break(text: string): void {
    if (this.broken.length < 5) this.broken.push(`${text}, at ${this.clock()} ms`)
  }

  fresh(letter: string): string {
    return `${letter}${this.ids++}`
  }

  need(run: RunRecord, resource: Resource): number {
    return run.of.spec.needs[resource] ?? (resource === "jobs" ? 1 : 0)
  }

  /** A run holds what it needs while it stands as running, and as long as its work goes on, unless it has lent it. */
  holds(run: RunRecord, perhaps: boolean): boolean {
    const last = run.attempts.at(-1)
    const lent = last?.number === run.starts ? last.lentFor : undefined
    return (
      (run.stands === "running" || this.active(run)) &&
      (lent === undefined || (perhaps && (lent === "asked" || last!.lentAt === this.clock())))
    )
  }

  active(run: RunRecord): boolean {
    const last = run.attempts.at(-1)
    return last !== undefined && last.endedAt === undefined
  }

  /** How much of a limit is taken for certain, or perhaps. */
  used(resource: Resource, perhaps = false): number {
    return this.runs.reduce((sum, run) => (this.holds(run, perhaps) ? sum + this.need(run, resource) : sum), 0)
  }

  /** How much of a limit is taken by those that did not start at this very instant. */
  usedBefore(resource: Resource): number {
    const now = this.clock()
    return this.runs.reduce((sum, run) => (this.holds(run, false) && run.lastStart < now ? sum + this.need(run, resource) : sum), 0)
  }

  /** Those that could go on if they had back what they lent: they come before all that wait to start. */
  returning(): ReadonlyArray<RunRecord> {
    return this.runs.filter((run) => {
      const lent = this.active(run) ? run.attempts.at(-1)!.lentFor : undefined
      return typeof lent === "object" && lent.end !== undefined
    })
  }

  /** Whether there is less of a limit than it needs. */
  lacks(run: RunRecord): boolean {
    return resources.some((name) => this.need(run, name) > 0 && this.used(name, true) + this.need(run, name) > this.limits[name])
  }

  /** Those that wait for their limits, in the order in which they are entitled to them. */
  queue(): ReadonlyArray<RunRecord> {
    return this.runs
      .filter((run) => run.stands === "limit")
      .sort((a, b) => rank[a.of.spec.priority] - rank[b.of.spec.priority] || a.queued - b.queued)
  }

  precedes(a: RunRecord, b: RunRecord): boolean {
    return rank[a.of.spec.priority] - rank[b.of.spec.priority] < 0 || (a.of.spec.priority === b.of.spec.priority && a.queued < b.queued)
  }

  /** Those in the queue that nothing keeps from starting: what somebody is short of nobody behind him takes, all else is there for others. */
  startable(): ReadonlyArray<RunRecord> {
    const kept = new Set(this.returning().flatMap((run) => resources.filter((name) => this.need(run, name) > 0)))
    const used = new Map(resources.map((name) => [name, this.used(name, true)]))
    return this.queue().filter((run) => {
      const short = resources.filter((name) => {
        const need = this.need(run, name)
        return need > 0 && (kept.has(name) || used.get(name)! + need > this.limits[name])
      })
      for (const name of short) kept.add(name)
      return short.length === 0
    })
  }

  gateOpen(run: RunRecord, at: number = this.clock()): boolean {
    const { gate } = run.of.spec
    return gate === undefined || (gate === 2 ? at >= opensAt : this.open[gate]!)
  }

  /** Looks at what a run depends on. */
  decide(run: RunRecord): "wait" | "go" | "skip" {
    let waits = false
    let lost = false
    const any = run.upstream.filter(({ kind }) => kind === "any")
    for (const { kind, run: other, wants } of run.upstream) {
      if (kind === "any") continue
      if (other.end === undefined) waits = true
      else if (kind === "result" && other.end._tag !== "Completed") return "skip"
      else if (kind === "all" && !matches(wants, other)) lost = true
    }
    if (any.length > 0 && !any.some(({ run: other, wants }) => matches(wants, other))) {
      if (any.some(({ run: other }) => other.end === undefined)) waits = true
      else lost = true
    }
    return lost && run.of.spec.onUpstream !== "run" ? "skip" : waits ? "wait" : "go"
  }
}

/** The word for how a run ended. */
export const wordOf = (run: RunRecord): End | undefined => {
  switch (run.end?._tag) {
    case undefined:
      return undefined
    case "Completed":
      return "completed"
    case "Failed":
      return "failed"
    case "TimedOut":
      return "timeout"
    case "Skipped":
      return "skipped"
    default:
      return "cancelled"
  }
}

/** Whether it ended in one of the ways that are wanted. */
export const matches = (wants: ReadonlySet<End>, run: RunRecord): boolean => {
  const word = wordOf(run)
  return word !== undefined && (wants.has("ended") || wants.has(word))
}
