/** `skein jobs work`: an engine for a store, as long as this process lives. */
import * as Engine from "@skein/engine/Engine"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as control from "../control.ts"
import { counted } from "../quantities.ts"
import type { Handler } from "./desk.ts"
import { limitsOf } from "./limits.ts"
import * as liveView from "./liveView.ts"
import * as outputFiles from "./outputFiles.ts"
import { given, noWords } from "./reading.ts"
import * as surroundings from "./surroundings.ts"

export const work: Handler = (desk) =>
  Effect.gen(function* () {
    const { path, store, values } = desk
    yield* noWords(desk)
    const limits = yield* given(() => limitsOf(values))
    const view = yield* liveView.make({ mode: values.word("progress", "auto" as "auto" | "live" | "plain" | "off") })
    const say = (line: string): void => view.log(`skein jobs: ${line}`)
    yield* surroundings.printAside(view)
    const stop = yield* Deferred.make<void>()
    let interrupt: Effect.Effect<void> = Effect.void
    let phase: "running" | "draining" | "stopping" = "running"
    let signal: NodeJS.Signals | undefined
    const steered: control.Steered = {
      phase: () => phase,
      drain: (reason) => {
        if (reason._tag === "Signal") signal ??= reason.signal
        if (phase === "running") phase = "draining"
        Deferred.doneUnsafe(stop, Effect.void)
      },
      stop: (reason) => {
        steered.drain(reason)
        phase = "stopping"
        Effect.runFork(interrupt)
      }
    }
    yield* control.onSignals(steered, {
      onStop: values.word("on-stop", "finish" as "finish" | "stop"),
      say,
      running: () => view.totals().running
    })
    // The signals are listened to until the engine has closed.
    yield* Effect.scoped(
      Effect.gen(function* () {
        const engine = yield* Engine.make({
          store,
          limits,
          flavours: surroundings.flavours(),
          directory: outputFiles.folder(path),
          onClose: "finish",
          onChange: view.changed,
          onProgress: view.progressed
        })
        interrupt = engine.interrupt
        for (const run of yield* engine.list({ state: "waiting" })) view.changed(run)
        if (view.mode === "plain") say(`working on ${store.name}`)
        // A store that fails has stopped the engine already.
        const failed = Effect.flatMap(engine.awaitFailure, (error) => Effect.fail(error))
        yield* Effect.raceFirst(failed, Effect.raceFirst(values.has("until-idle") ? engine.awaitIdle : Effect.never, Deferred.await(stop)))
      }).pipe(Effect.provide(surroundings.logger(view)))
    )
    if (signal !== undefined) {
      const left = yield* store.list({ state: ["waiting", "running"] })
      if (left.length > 0)
        say(`${counted(left.length, "job")} ${left.length === 1 ? "waits" : "wait"} in ${store.name} for the next engine`)
      return control.codeOf(signal)
    }
    const { cancelled, failed, timeout } = view.totals().ended
    return failed + timeout + cancelled > 0 ? 1 : 0
  })
