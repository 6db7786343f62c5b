/** Carries out what others ask of the engine that owns a store: one request after the other, each once it can be, and each exactly once. */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type { Request, StoredRequest, StoreError } from "../JobStore.ts"
import { textOf } from "./ends.ts"
import type { EngineCore } from "./engineCore.ts"
import { SubmitError } from "./errors.ts"
import { read } from "./request.ts"
import type { Run } from "./run.ts"
import * as stored from "./stored.ts"
import { Refusal, type Registrar } from "./submit.ts"
import type { Works } from "./works.ts"

/** How long after a failure requests are read again. */
const patience = Duration.seconds(1)

export class Inbox {
  private readonly core: EngineCore
  private readonly registrar: Registrar
  private readonly works: Works
  private readonly context: Context.Context<never>
  /** The requests up to this number have been looked at. */
  private seen = 0
  private news = true
  private wake: (() => void) | undefined

  constructor(core: EngineCore, registrar: Registrar, works: Works, context: Context.Context<never>) {
    this.core = core
    this.registrar = registrar
    this.works = works
    this.context = context
  }

  /** Carries out what is there, and goes on with what comes until the scope closes. */
  get open(): Effect.Effect<void, StoreError, Scope.Scope> {
    const { store } = this.core.durable!
    const listen = store.watch((what) => {
      if (what === "runs") return
      this.news = true
      this.core.reading = true
      this.wake?.()
    })
    // Where they cannot be read now, that may pass.
    const again = Effect.andThen(
      Effect.sleep(patience),
      Effect.sync(() => void (this.news = true))
    )
    const follow = Effect.forever(
      Effect.andThen(
        this.awaitNews,
        Effect.catchCause(this.read, (cause) => (Cause.hasInterruptsOnly(cause) ? Effect.failCause(cause as Cause.Cause<never>) : again))
      )
    )
    // What came too late is for the next engine.
    const leave = Effect.addFinalizer(() =>
      Effect.sync(() => {
        this.core.reading = false
        this.core.tellIdle()
      })
    )
    return Effect.andThen(Effect.all([leave, listen, this.read], { discard: true }), Effect.forkScoped(follow))
  }

  private readonly awaitNews = Effect.callback<void>((resume) => {
    if (this.news) return resume(Effect.void)
    this.wake = () => {
      this.wake = undefined
      resume(Effect.void)
    }
    return Effect.sync(() => {
      this.wake = undefined
    })
  })

  private readonly read: Effect.Effect<void, StoreError> = Effect.suspend(() => {
    this.news = false
    this.core.reading = true
    return Effect.flatMap(this.core.durable!.store.requests, (requests) =>
      Effect.forEach(
        requests.filter(({ number, refusal }) => number > this.seen && refusal === undefined),
        (request) => this.carryOut(request, requests),
        { discard: true }
      )
    )
  }).pipe(
    Effect.tapCause((cause) =>
      Effect.sync(() =>
        Cause.hasInterruptsOnly(cause) ? undefined : this.core.pump.log(`requests cannot be read: ${textOf(Cause.squash(cause))}`)
      )
    ),
    Effect.ensuring(
      Effect.sync(() => {
        this.core.reading = this.news
        this.core.tellIdle()
      })
    )
  )

  private carryOut({ number, request: asked }: StoredRequest, all: ReadonlyArray<StoredRequest>): Effect.Effect<void> {
    const { core } = this
    const answer = (refusal?: string): void => core.note({ type: "other", change: { type: "answered", request: number, refusal } })
    const step = (act: (fiber: Fiber.Fiber<unknown, unknown>) => void): Effect.Effect<void> =>
      Effect.withFiber((fiber) => {
        if (core.stopped !== undefined || core.broken !== undefined) return Effect.void
        this.seen = number
        try {
          act(fiber)
        } catch (error) {
          answer(error instanceof Refusal ? new SubmitError({ reason: error.reason }).message : textOf(error))
        }
        core.commit()
        return Effect.void
      })
    return Effect.suspend(() => {
      let request: Request
      try {
        request = read(asked)
      } catch (error) {
        return step(() => answer(`it cannot be read: ${textOf(error)}`))
      }
      const carry = step((fiber) => {
        if (request._tag === "Remove" && !core.runs.has(request.id)) this.forget(request.id, all, answer)
        else this.act(request, number, answer, fiber)
      })
      if (request._tag !== "Submit") return carry
      return Effect.andThen(this.works.load(request.jobs.flatMap(({ description }) => workOf(description))), carry)
    })
  }

  /** A submission that was refused may be removed as a job may. */
  private forget(id: string, all: ReadonlyArray<StoredRequest>, answer: (refusal?: string) => void): void {
    const refused = all.filter(
      ({ refusal, request }) => refusal !== undefined && request._tag === "Submit" && request.jobs.some((job) => job.id === id)
    )
    if (refused.length === 0) return answer(`there is no job ${JSON.stringify(id)}`)
    for (const { number } of refused) this.core.note({ type: "other", change: { type: "answered", request: number, refusal: undefined } })
    answer()
  }

  private act(request: Request, number: number, answer: (refusal?: string) => void, fiber: Fiber.Fiber<unknown, unknown>): void {
    const { core, registrar } = this
    switch (request._tag) {
      case "Submit": {
        const jobs = request.jobs.map(({ description, name }) => {
          const form = stored.read(description)
          return stored.decode(name, form, this.works.of(form.work))
        })
        const keys = new Set<string>()
        for (const [i, { key }] of jobs.entries()) {
          if (key === undefined) continue
          const holder = core.byKey.get(key)?.id ?? (keys.has(key) ? "another of this request" : undefined)
          // There would never be a job of the id that was asked for.
          if (holder !== undefined)
            return answer(`key ${JSON.stringify(key)} is that of ${holder}, which has not ended; ${request.jobs[i]!.id} was not taken`)
          keys.add(key)
        }
        registrar.submit(
          "a request",
          jobs,
          this.context,
          request.jobs.map(({ id }) => id)
        )
        return answer()
      }
      case "Cancel": {
        const run = this.find(request.id)
        if (run.end !== undefined) return answer(`job ${JSON.stringify(run.id)} has ended`)
        // It is answered in the step in which the job ends: a crash before that leaves the request.
        ;(run.answers ??= []).push(number)
        Effect.runForkWith(fiber.context as Context.Context<never>)(core.cancelRuns(() => [run], request.reason))
        return
      }
      case "Rerun":
        registrar.rerun(this.find(request.id).id, request.as)
        return answer()
      case "Remove": {
        const run = this.find(request.id)
        if (run.end === undefined) return answer(`job ${JSON.stringify(run.id)} has not ended`)
        if (run.holders > 0) return answer(`job ${JSON.stringify(run.id)} is needed by a job that has not ended`)
        core.retention.forget(run)
        return answer()
      }
    }
  }

  private find(id: string): Run {
    const run = this.core.runs.get(id)
    if (run === undefined) throw new Refusal({ _tag: "UnknownJob", job: id, by: undefined })
    return run
  }
}

/** The work that a description names, where it can be read: what cannot be is refused when its turn comes. */
const workOf = (description: unknown): ReadonlyArray<stored.Form["work"]> => {
  try {
    return [stored.read(description).work]
  } catch {
    return []
  }
}
