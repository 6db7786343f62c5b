/** What the tests of tasks share: a flavour in this thread, through which everything goes as text, and words to look at causes with. */
import * as Limiter from "@skein/core/Limiter"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Scheduler from "effect/Scheduler"
import * as TaskRunner from "../src/TaskRunner.ts"

const key = Symbol.for("@skein/parallel/Task")

/** What the flavour has seen. */
export interface Seen {
  readonly payloads: Array<string>
  readonly metas: Array<TaskRunner.Meta | undefined>
  readonly up: Array<string>
  readonly down: Array<string>
  readonly answers: Array<TaskRunner.Answer>
}

export const seen = (): Seen => ({ payloads: [], metas: [], up: [], down: [], answers: [] })

const travel = (wire: TaskRunner.Wire): TaskRunner.Wire =>
  wire.parts === undefined
    ? { text: `${wire.text} `.slice(0, -1) }
    : { text: wire.text, parts: structuredClone(wire.parts, { transfer: [...(wire.transfer ?? [])] }) }

/** How the flavour is. */
export interface MemoryOptions {
  readonly latency?: number
  /** Offers chunks of so many items to so many workers, at `least` so many chunks. */
  readonly chunks?: { readonly width: number; readonly size: number; readonly shared?: boolean; readonly least?: number }
  /** Looks at what a worker says; at `true` that worker dies. */
  readonly dies?: (text: string) => boolean
}

/** A flavour that hosts tasks in this thread, each in a fiber that knows nothing of its caller, on the caller's clock. */
export const inMemory = (task: object, told: Seen = seen(), options: MemoryOptions = {}): TaskRunner.TaskRunner => {
  const host = (task as { readonly [key: symbol]: TaskRunner.Host })[key]!
  let workers = 0
  const run = (call: TaskRunner.Call): Effect.Effect<TaskRunner.Answer, TaskRunner.TaskRunnerError> =>
    Effect.withFiber((fiber) => {
      const context = Context.make(Clock.Clock, Context.get(fiber.context, Clock.Clock)).pipe(
        Context.add(Scheduler.Scheduler, Context.get(fiber.context, Scheduler.Scheduler))
      ) as Context.Context<never>
      return Effect.callback<TaskRunner.Answer, TaskRunner.TaskRunnerError>((resume) => {
        let dead = false
        let ended: (() => void) | undefined
        let settled = false
        told.payloads.push(call.payload.text)
        told.metas.push(call.meta)
        const work: { handle?: TaskRunner.HostHandle } = {}
        work.handle = host.execute(
          travel(call.payload),
          call.meta === undefined ? undefined : (JSON.parse(JSON.stringify(call.meta)) as TaskRunner.Meta),
          {
            context,
            send: (text) => {
              if (dead) return
              told.up.push(text)
              call.onMessage(text)
              if (options.dies?.(text) !== true) return
              dead = true
              work.handle?.interrupt()
              const reason = { _tag: "Lost", worker: ++workers, exitCode: 1, signal: null, culprit: true } as const
              resume(Effect.fail(new TaskRunner.TaskRunnerError({ task: call.task.name, flavour: "memory", reason })))
            },
            settle: (answer) => {
              if (dead) return
              if (settled) throw new Error("settled twice")
              settled = true
              told.answers.push(answer)
              const arrived = { ...travel(answer), ok: answer.ok }
              if (ended === undefined) return resume(Effect.succeed(arrived))
              call.onLate?.(arrived)
              ended()
            }
          }
        )
        call.onWaits?.(false)
        call.onOpen?.((text) => {
          told.down.push(text)
          work.handle!.receive(text)
        })
        return Effect.callback<void>((done) => {
          if (settled) return done(Effect.void)
          ended = () => done(Effect.void)
          work.handle!.interrupt()
        })
      })
    })
  const { chunks, latency } = options
  const delayed = latency === undefined ? run : (call: TaskRunner.Call) => Effect.delay(run(call), latency)
  if (chunks === undefined) return { flavour: "memory", run: delayed }
  const limiter = Limiter.makeUnsafe({ permits: chunks.width })
  return {
    flavour: "memory",
    run: (call) => limiter.withPermit(delayed(call)),
    chunks: {
      width: chunks.width,
      shared: chunks.shared,
      size: (_, left) => Math.max(1, Math.min(chunks.size, Math.ceil(left / (chunks.least ?? 1))))
    }
  }
}

/** Runs an effect where calls go to the host of `task`. */
export const remotely = <A, E>(task: object, effect: Effect.Effect<A, E>, told?: Seen, options?: MemoryOptions): Effect.Effect<A, E> =>
  Effect.provideService(effect, TaskRunner.TaskRunner, inMemory(task, told, options))

/** The defects of a cause. */
export const defects = (cause: Cause.Cause<unknown>): ReadonlyArray<unknown> =>
  cause.reasons.filter(Cause.isDieReason).map((reason) => reason.defect)

/** The tag of the reason and the message of a call that gave no answer. */
export const refusal = (error: unknown): ReadonlyArray<string> => {
  if (!(error instanceof TaskRunner.TaskRunnerError)) throw new Error(`no TaskRunnerError: ${String(error)}`)
  return [error.reason._tag, error.mayHaveRun, error.message]
}
