/** A pool as its users see it. */
import * as TaskRunner from "@skein/parallel/TaskRunner"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { readFileSync, realpathSync } from "node:fs"
import { fileURLToPath, pathToFileURL } from "node:url"
import type { Flavour } from "../../Flavour.ts"
import type { Pool } from "./pool.ts"
import type { Plan } from "./settings.ts"

/** What a layer provides: the pool under the flavour's own name, and as the place where tasks run. */
export const servicesOf = <S>(service: Context.Service<S, Flavour>, plan: Plan, pool: Pool): Context.Context<S> => {
  const flavour = flavourOf(plan, pool)
  return Context.add(Context.make(service, flavour), TaskRunner.TaskRunner, flavour.runner)
}

export const flavourOf = ({ flavour }: Plan, pool: Pool): Flavour => ({
  runner: {
    flavour,
    run: (call) => {
      if (wouldStartAgain(call.task)) {
        const reason: TaskRunner.Reason = { _tag: "MainModule", module: call.task.module }
        return Effect.fail(new TaskRunner.TaskRunnerError({ task: call.task.name, flavour, reason }))
      }
      return Effect.callback<TaskRunner.Answer, TaskRunner.TaskRunnerError>((resume) => {
        const job = pool.submit(call, resume)
        call.onOpen?.((text) => pool.tell(job, text))
        return Effect.callback<void>((done) =>
          pool.stop(job, "caller", () => {
            if (job.killed === undefined) done(Effect.void)
            else done(Effect.failCause(TaskRunner.killed({ flavour, worker: job.killed })))
          })
        )
      })
    },
    chunks: { width: pool.width, shared: flavour === "worker", size: (task, left) => chunkOf(pool.meanOf(task), pool.width, left) }
  },
  stats: Effect.sync(() => pool.stats()),
  listen: (listener) =>
    Effect.asVoid(
      Effect.acquireRelease(
        Effect.sync(() => pool.listen(listener)),
        (end) => Effect.sync(end)
      )
    )
})

/** How long a chunk shall take, in microseconds, and how many items it may have. */
const chunkTime = 2_000
const largestChunk = 1_024
/** The first chunk of a task whose items nobody has measured. */
const firstChunk = 16
/** How many chunks there shall be for each place at least, so that all places end at about the same time. */
const chunksEach = 4

const chunkOf = (mean: number | undefined, width: number, left: number): number => {
  const byTime = mean === undefined ? firstChunk : chunkTime / Math.max(mean, 0.1)
  return Math.max(1, Math.min(Math.floor(byTime), largestChunk, Math.ceil(left / (width * chunksEach))))
}

const mains = new WeakMap<TaskRunner.Definition, boolean>()

/** Whether loading the module of a task would start the program again: it is the program's entry, and does not look whether it is. */
const wouldStartAgain = (task: TaskRunner.Definition): boolean => {
  const known = mains.get(task)
  if (known !== undefined) return known
  const would = (task.main || task.module === entry()) && !looks(task.module)
  mains.set(task, would)
  return would
}

const entry = (): string | undefined => {
  const [, path] = process.argv
  try {
    return path === undefined ? undefined : pathToFileURL(realpathSync(path)).href
  } catch {
    return undefined
  }
}

const looks = (module: string): boolean => {
  try {
    return /\bimport\.meta\.main\b/.test(readFileSync(fileURLToPath(module), "utf8"))
  } catch {
    return false
  }
}
