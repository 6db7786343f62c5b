/** One run of a job, which is its own handle and its own task in the pump: one object a run. */
import type * as Outcome from "@skein/core/Outcome"
import type * as Progress from "@skein/core/Progress"
import * as TaskPump from "@skein/core/TaskPump"
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Context from "effect/Context"
import type * as Job from "../Job.ts"
import type { JobOutput } from "../JobOutput.ts"
import type { Json } from "../JobStore.ts"
import type { Description } from "./description.ts"
import { detailOf, endWord, JobCancelled, JobSkipped, JobTimedOut, lostIn, type Mask, Unreadable, wordsOf } from "./ends.ts"
import type { EngineCore } from "./engineCore.ts"
import { levels } from "./description.ts"
import type { Queue, Waiter } from "./limits.ts"
import { awaitRun } from "./inside.ts"
import type { RunOutput } from "./output/outputs.ts"
import { type Group, HandleTypeId } from "./references.ts"

/**
 * Where a run is. Only these ways lead from one place to another; every other one is a bug of ours and dies.
 *
 * ```
 * new ─▶ upstream ─▶ condition ─▶ limit ─▶ running ─▶ ended
 *                                   ▲         │
 *                                   └─ retry ◀┘
 * ```
 *
 * Where there is nothing to wait for a place is passed by, and from each of them a run may end.
 */
export type Phase = "new" | "upstream" | "condition" | "limit" | "retry" | "running" | "ended"

export const legal: Readonly<Record<Phase, ReadonlyArray<Phase>>> = {
  new: ["upstream", "condition", "limit", "ended"],
  upstream: ["condition", "limit", "ended"],
  condition: ["limit", "ended"],
  limit: ["running", "ended"],
  running: ["retry", "ended"],
  retry: ["limit", "ended"],
  ended: []
}

/** What a submitted job and its reruns share. */
export interface Slot {
  /** The id of its first run. */
  readonly id: string
  readonly job: Description
  /** What a store keeps of it, where one does. */
  form: Json | undefined
  readonly context: Context.Context<never>
  /** The run that is meant by whoever refers to this job. */
  latest: Run
  groups: ReadonlyArray<BoundGroup>
  /** A job that it refers to and that is not kept any more: it cannot run again. */
  readonly missing?: string | undefined
}

/** What is known of a run that an engine found in its store. */
export interface Past {
  readonly submittedAt: number
  readonly startedAt: number | undefined
  /** The runs that it depends on, in the order of its groups; of those that are gone nothing. */
  readonly upstream: ReadonlyArray<Run | undefined>
}

/** A group of dependencies whose jobs have been found. */
export interface BoundGroup {
  readonly kind: Group["kind"]
  readonly members: ReadonlyArray<{ readonly slot: Slot; readonly mask: Mask }>
}

/** A dependency of `run` on the run that holds this edge. */
export interface Edge {
  readonly run: Run
  readonly upstream: Run
  readonly mask: Mask
  readonly group: OpenGroup
}

/** A group that is not decided yet. */
export interface OpenGroup {
  /** How many of its members may still end as is needed. */
  left: number
  readonly kind: Group["kind"]
  /** Whether `onUpstream: "run"` applies to it. */
  readonly waivable: boolean
  decided: boolean
}

export type Timer = ReturnType<TaskPump.TaskPump<unknown, unknown>["timers"]["add"]>

const waiting = {
  upstream: { _tag: "Waiting", for: "upstream" },
  condition: { _tag: "Waiting", for: "condition" },
  limit: { _tag: "Waiting", for: "limit" },
  retry: { _tag: "Waiting", for: "retry" }
} as const

export class Run extends TaskPump.Task<any, any> implements Job.Handle<unknown, unknown>, Waiter {
  readonly [HandleTypeId]: never = undefined as never
  readonly engine: EngineCore
  readonly slot: Slot
  readonly id: string
  override name: string
  readonly rerunOf: string | undefined
  /** Those who need the same; set when it is admitted. */
  queue!: Queue
  phase: Phase = "new"
  end: Job.End<any, any> | undefined
  /** In milliseconds on the engine's clock, for ends that the pump does not make. */
  ended = -1
  /** How many groups of dependencies are open. */
  open = 0
  dependents: Array<Edge> | undefined
  edges: Array<Edge> | undefined
  waiters: Set<() => void> | undefined
  listeners: Set<(run: Job.Run) => void> | undefined
  conditionFiber: Fiber.Fiber<unknown, unknown> | undefined
  timer: Timer | undefined
  /** Whether those who wait for its end have been told: that comes after the end was recorded. */
  told = false
  /** Somebody cancelled it while it ran. */
  asked: TaskPump.Cut | undefined
  /** How the last attempt ended, where another was considered. */
  lastCause: Cause.Cause<unknown> | undefined
  /** Whether it has what it needs of the limits. */
  holds = false
  /** When the attempt that runs started, and which one that was. */
  attemptAt = 0
  attemptSeen = 0
  /** Its fibers that wait for other jobs; above 0 what it holds is lent. */
  lent = 0
  /** The runs that these wait for. */
  waitsFor: Array<Run> | undefined
  /** Ends the waits of its fibers for what was lent, when it is asked to stop. */
  returns: Set<() => void> | undefined
  before: Waiter | undefined
  behind: Waiter | undefined
  place: Queue | undefined
  arrived = 0
  past: Past | undefined
  /** How it ends as soon as it is taken in: its last attempt was lost with its process. */
  lost: Job.End<any, any> | undefined
  /** A store knows that it runs. */
  isToldOf = false
  /** How it ended, as a store keeps it. */
  record: Json | undefined
  /** It ended only here: the engine was closed, and in the store it waits. */
  left = false
  /** Runs that have not ended and depend on it. Until there is none a store keeps it. */
  holders = 0
  out: RunOutput | undefined
  progress: Progress.Report | undefined
  forgotten = false
  /** The store has it no more. */
  removed = false
  /** Requests that are carried out when it ends. */
  answers: Array<number> | undefined

  constructor(engine: EngineCore, slot: Omit<Slot, "latest">, id: string, rerunOf: string | undefined) {
    super()
    this.engine = engine
    this.slot = slot as Slot
    this.id = id
    this.name = slot.job.name
    this.rerunOf = rerunOf
  }

  /** Whether a store keeps it. */
  get isKept(): boolean {
    return this.slot.form !== undefined
  }

  get level(): number {
    return this.slot.job.level
  }

  get state(): Job.State<any, any> {
    const { end, phase } = this
    if (end !== undefined) return { _tag: "Ended", outcome: end }
    if (phase === "running") return { _tag: "Running", attempt: this.attempt }
    return phase === "condition" || phase === "limit" || phase === "retry" ? waiting[phase] : waiting.upstream
  }

  /** The number of the attempt that runs or comes next. */
  attempt = 1

  get status(): "waiting" | "running" | Job.EndWord {
    return this.end === undefined ? (this.phase === "running" ? "running" : "waiting") : endWord(this.end)
  }

  get run(): Job.Run {
    const { job } = this.slot
    return {
      id: this.id,
      name: this.name,
      state: this.state,
      priority: levels[job.level]!,
      needs: job.needs,
      labels: job.labels,
      key: job.key,
      upstream: this.upstreamIds(),
      rerunOf: this.rerunOf,
      createdAt: job.createdAt,
      submittedAt: this.submittedAt,
      startedAt: this.startedAt,
      endedAt: this.end?.endedAt,
      attempts: this.attempts,
      attemptCauses: this.attemptCauses === undefined ? [] : [...this.attemptCauses],
      progress: this.progress
    }
  }

  get submittedAt(): number {
    return this.past?.submittedAt ?? this.engine.pump.instantOf(this.queued)
  }

  get startedAt(): number | undefined {
    return this.past?.startedAt ?? (this.started < 0 ? undefined : this.engine.pump.instantOf(this.started))
  }

  /** What it writes, and wrote: a record until there is something. */
  outputOf(): RunOutput {
    return (this.out ??= this.engine.settings.outputs.of(this.id, this.past === undefined ? "fresh" : "kept"))
  }

  get output(): Effect.Effect<JobOutput> {
    return Effect.suspend(() => this.outputOf().view)
  }

  upstreamIds(): ReadonlyArray<string> {
    return this.edges === undefined ? [] : [...new Set(this.edges.map((edge) => edge.upstream.id))]
  }

  get await(): Effect.Effect<Job.End<any, any>> {
    return awaitRun(this)
  }

  get join(): Effect.Effect<any, any> {
    return Effect.flatMap(this.await, (end): Effect.Effect<any, any> => {
      const { id, name } = this
      switch (end._tag) {
        case "Completed":
          return end.value instanceof Unreadable ? Effect.die(end.value.cause) : Effect.succeed(end.value)
        case "Failed": {
          const lost = lostIn(end.cause)
          return lost === undefined ? Effect.failCause(end.cause) : Effect.fail(lost)
        }
        case "TimedOut":
          return Effect.fail(new JobTimedOut({ id, name, outcome: end }))
        case "Skipped":
          return Effect.fail(new JobSkipped({ id, name, because: end.because }))
        default:
          return Effect.fail(new JobCancelled({ id, name, outcome: end }))
      }
    })
  }

  cancel(reason?: unknown): Effect.Effect<Job.End<any, any>> {
    return Effect.flatMap(
      this.engine.cancelRuns(() => [this], reason),
      () => this.await
    )
  }

  toJSON(): Job.Run {
    return this.run
  }

  [Symbol.for("nodejs.util.inspect.custom")](): Job.Run {
    return this.run
  }

  subscribe(listener: (run: Job.Run) => void): () => void {
    // A function may be given twice, and each time is ended for itself.
    const own = (run: Job.Run): void => listener(run)
    const listeners = (this.listeners ??= new Set())
    listeners.add(own)
    return () => {
      listeners.delete(own)
    }
  }

  /** The link of this run in the chain of one that was skipped because of it. */
  because(mask: Mask): Job.Because {
    const end = this.end!
    return {
      id: this.id,
      name: this.name,
      status: endWord(end),
      wanted: wordsOf(mask),
      detail: detailOf(end),
      because: end._tag === "Skipped" ? end.because : undefined
    }
  }

  /** What an outcome that the pump does not make knows of it. */
  info(at: number | undefined): Outcome.Info {
    return {
      index: this.index,
      name: this.name,
      attempts: this.attempts,
      attemptCauses: this.attemptCauses,
      queuedAt: this.submittedAt,
      startedAt: this.startedAt,
      endedAt: at
    }
  }
}
