/** The work of served jobs, and the board on which a run says where it serves. */
import * as Settings from "@skein/core/Settings"
import type * as ServedApp from "@skein/node/ServedApp"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as ServedJob from "../../ServedJob.ts"
import { Description, type Given, known as jobOptions } from "../description.ts"
import { CurrentJob, suspend } from "../inside.ts"
import { Run } from "../run.ts"
import { Signal } from "../streams/signal.ts"
import type { Work } from "../work.ts"

export type App = Pick<ServedApp.ServedApp, "ip" | "port" | "url" | "awaitReady" | "awaitEnd">
export type Serve = (input: unknown) => Effect.Effect<App, unknown, Scope.Scope>

const boards = new WeakMap<Run, Board>()

/** Where one run serves, while it does. */
class Board {
  app: App | undefined
  private readonly run: Run
  private readonly signal = new Signal()

  constructor(run: Run) {
    this.run = run
    if (!run.told) (run.waiters ??= new Set()).add(this.signal.tell)
  }

  put(app: App | undefined): void {
    this.app = app
    this.signal.tell()
  }

  /** Waits until another app serves than `app`, or the run has ended. */
  change(app: App | undefined): Effect.Effect<void> {
    const { run } = this
    return Effect.withFiber((fiber) => suspend(run.engine, fiber, run, () => this.app !== app || run.told, this.signal.subscribe))
  }
}

const boardOf = (run: Run): Board => {
  let board = boards.get(run)
  if (board === undefined) boards.set(run, (board = new Board(run)))
  return board
}

class ServedWork implements Work {
  readonly portable = "it is a server of this process"
  readonly onLost = "fail"
  private readonly serve: Serve

  constructor(serve: Serve) {
    this.serve = serve
  }

  readonly start = (input: unknown): Effect.Effect<unknown, unknown> =>
    Effect.withFiber((fiber) => {
      const board = boardOf(Context.get(fiber.context, CurrentJob)!)
      return Effect.scoped(
        Effect.flatMap(this.serve(input), (app) =>
          Effect.andThen(
            // Who is told of the address may cancel the job before it takes another step.
            Effect.acquireRelease(
              Effect.sync(() => board.put(app)),
              () => Effect.sync(() => board.put(undefined))
            ),
            app.awaitEnd
          )
        )
      )
    })
}

export const known = ["app", "input", "served", ...jobOptions]

export const make = (where: string, name: string, serve: Serve, input: unknown, given: Given): Description => {
  const { needs } = given
  // It would hold a place for as long as it serves, and those who need it could not start.
  const light =
    needs === undefined || (typeof needs === "object" && needs !== null && !Array.isArray(needs)) ? { jobs: 0, ...needs } : needs
  return new Description(where, name, new ServedWork(serve), input, { ...given, needs: light })
}

const isServed = (job: unknown): boolean => job instanceof Description && job.work instanceof ServedWork

/** Waits for the end of a run, and lends nothing meanwhile: another fiber of the job that waits goes on with its work. */
const ended = (run: Run): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    if (run.told) return resume(Effect.void)
    const wake = (): void => resume(Effect.void)
    const waiters = (run.waiters ??= new Set())
    waiters.add(wake)
    return Effect.sync(() => void waiters.delete(wake))
  })

/** One run: what waits for its address, and what waits for its end and fails with why it does not serve any more. */
interface Served {
  readonly address: Effect.Effect<ServedJob.Address, unknown>
  readonly ended: Effect.Effect<never, unknown>
}

export const of = (where: string, job: unknown, handle: unknown, notServing: (run: Run) => unknown): Served => {
  if (!isServed(job)) throw new TypeError(Settings.mustBe(where, "job", "made by ServedJob.make", job).message)
  // By its key a job may have got the handle of another one.
  if (!(handle instanceof Run && isServed(handle.slot.job))) {
    throw new TypeError(Settings.mustBe(where, "handle", "the handle of a served job", handle).message)
  }
  const run = handle
  const board = boardOf(run)
  const none: Effect.Effect<never, unknown> = Effect.suspend(() => Effect.andThen(run.join, () => Effect.fail(notServing(run))))
  const address: Effect.Effect<ServedJob.Address, unknown> = Effect.suspend(() => {
    const { app } = board
    if (app === undefined) return run.told ? none : Effect.andThen(board.change(undefined), address)
    const { ip, port, url } = app
    return Effect.matchEffect(app.awaitReady, {
      onSuccess: () => Effect.succeed({ ip, port, url }),
      // Another attempt of the job may serve yet; else the job says why there is none.
      onFailure: () => Effect.andThen(board.change(app), address)
    })
  })
  return { address, ended: Effect.andThen(ended(run), none) }
}
