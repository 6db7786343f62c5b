/** Carries a simulation to its end and says how it ended. */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { Enumeration } from "./enumeration.ts"
import type { Program, Run, Verdict } from "./model.ts"
import { enter, macrotask } from "./outside.ts"
import { count, cycleOf, describe, formatFiber, formatMillis, labelOf } from "./report.ts"
import { type Settings, Simulation } from "./simulation.ts"

const none: ReadonlyArray<never> = []

const begin = <A, E>(program: Program<A, E>, settings: Settings): Simulation => {
  const simulation = new Simulation(settings)
  if (Effect.isEffect(program)) simulation.start(program)
  else {
    // Called now and not by the first step: an interruption before that step must find fresh state too. A factory that throws is a
    // program that dies, and is reported with its seed like any other.
    const previous = enter(simulation.outside)
    try {
      simulation.start(program())
    } catch (error) {
      simulation.start(Effect.die(error))
    } finally {
      enter(previous)
    }
  }
  return simulation
}

/** Runs what needs no event loop; a program that does ends as `external`. */
export const executeSync = <A, E>(program: Program<A, E>, settings: Settings): Run<A, E> => {
  const simulation = begin(program, settings)
  const progress = simulation.advance()
  const run = conclude<A, E>(
    simulation,
    settings,
    progress === "over" || simulation.ended
      ? undefined
      : "it uses promises or something real, which a synchronous run cannot wait for: use Simulator.run"
  )
  if (progress !== "over") simulation.abandon()
  finish(simulation)
  return run
}

/** Gives the run at once where it needed no event loop: a promise per run would cost small programs a tenth of their time. */
export const execute = <A, E>(program: Program<A, E>, settings: Settings, realTime: number): Run<A, E> | Promise<Run<A, E>> => {
  const simulation = begin(program, settings)
  if (simulation.advance() !== "over") return executeAsync(simulation, settings, realTime)
  const run = conclude<A, E>(simulation, settings, undefined)
  finish(simulation)
  return run
}

const executeAsync = async <A, E>(simulation: Simulation, settings: Settings, realTime: number): Promise<Run<A, E>> => {
  let stuck: string | undefined
  let waited = 0
  await simulation.outside.settle()
  for (let progress = simulation.advance(); progress !== "over"; progress = simulation.advance()) {
    if (progress === "settle") {
      await simulation.outside.settle()
      continue
    }
    // Nothing more can come of promises. Something real is waited for, and whoever it wakes, it was not the seed that chose.
    if (simulation.outside.underWay.length === 0) break
    const before = performance.now()
    await wakeOrQuiet(simulation, realTime - waited)
    waited += performance.now() - before
    if (waited >= realTime) {
      stuck = `it waits for something real (${simulation.outside.underWay.join(", ")}), and nothing came within ${formatMillis(realTime)} of real time`
      break
    }
  }
  const run = conclude<A, E>(simulation, settings, stuck)
  simulation.abandon()
  finish(simulation)
  return run
}

const finish = (simulation: Simulation): void => {
  simulation.stop()
  simulation.outside.forget()
}

/** Waits until something wakes the program, nothing real is under way any more, or the time is over. */
const wakeOrQuiet = async (simulation: Simulation, realTime: number): Promise<void> => {
  const until = performance.now() + realTime
  let woken = false
  simulation.onWake = () => {
    woken = true
    simulation.wokenFromOutside = true
  }
  // Turns of the event loop first, so that a quick read is seen quickly; then real sleeping, so that a slow one costs no processor.
  for (let turn = 0; !woken && performance.now() < until && simulation.outside.underWay.length > 0; turn++) {
    if (turn < 64) await macrotask()
    else await new Promise<void>((resolve) => setTimeout(resolve, 1))
  }
  simulation.onWake = undefined
}

const conclude = <A, E>(simulation: Simulation, settings: Settings, stuck: string | undefined): Run<A, E> => {
  const exit = simulation.main?.pollUnsafe() as Exit.Exit<A, E> | undefined
  const cause = simulation.brokenCause ?? (exit !== undefined && Exit.isFailure(exit) ? exit.cause : undefined)
  const verdict: Verdict =
    simulation.broken !== undefined
      ? "failed"
      : stuck !== undefined || simulation.wokenFromOutside
        ? "external"
        : exit !== undefined
          ? Exit.isSuccess(exit)
            ? "passed"
            : "failed"
          : simulation.exhausted !== undefined
            ? "livelock"
            : "deadlock"
  const alive = simulation.alive()
  const running = exit === undefined
  const waits = running ? describe(simulation, alive) : none
  const cycle = running ? cycleOf(simulation, alive) : undefined
  const busiest =
    verdict === "livelock" ? describe(simulation, [...simulation.fibers.values()].sort((a, b) => b.steps - a.steps).slice(0, 3)) : none
  const leaks = running ? none : describe(simulation, alive)
  const pending = simulation.clock.pending
  const run: Omit<Run<A, E>, "report"> = {
    verdict,
    seed: settings.seed,
    schedule: settings.schedule ?? (settings.chooser instanceof Enumeration ? settings.chooser.schedule : undefined),
    exit,
    cause,
    steps: simulation.steps,
    elapsed: Duration.millis(simulation.clock.now),
    waits,
    cycle,
    busiest,
    leaks,
    timers: running || pending.length === 0 ? none : pending.map((timer) => timer.at / 1e6).sort((a, b) => a - b),
    outlived: simulation.outlived.length === 0 ? none : simulation.outlived.map(labelOf),
    underWay: simulation.outside.touched ? simulation.outside.underWay : none,
    interrupted: simulation.interrupted === undefined ? undefined : labelOf(simulation.interrupted),
    trace: simulation.trace
  }
  const report = verdict === "passed" && leaks.length === 0 ? "passed" : reportOf(run, stuck, simulation.broken?.step, simulation.exhausted)
  return { ...run, report }
}

const reportOf = (
  run: Omit<Run<unknown, unknown>, "report">,
  stuck: string | undefined,
  brokenAt: number | undefined,
  exhausted: "total" | "instant" | undefined
): string => {
  const lines: Array<string> = []
  const at = `after ${count(run.steps, "step")} and ${formatMillis(Duration.toMillis(run.elapsed))} of virtual time`
  switch (run.verdict) {
    case "passed":
      lines.push(`passed ${at}`)
      break
    case "failed":
      lines.push(
        brokenAt === undefined ? `failed ${at}` : `failed ${at}: the invariant was violated, or an observer threw, at step ${brokenAt}`
      )
      if (run.cause !== undefined)
        lines.push(Cause.hasInterruptsOnly(run.cause) ? "  the main fiber was interrupted" : Cause.pretty(run.cause))
      break
    case "deadlock":
      lines.push(`deadlock ${at}: nothing can run and no timer is pending`)
      break
    case "livelock":
      lines.push(`livelock ${at}: ${exhausted === "instant" ? "virtual time stands still" : "the budget of steps is used up"}`)
      for (const fiber of run.busiest) lines.push(`  busy: ${fiber.label}, ${count(fiber.steps, "step")}`)
      break
    case "external":
      lines.push(`external ${at}: ${stuck ?? "something real woke it, so the seed did not decide how it went on"}`)
      break
  }
  for (const fiber of run.waits.slice(0, 50)) lines.push(`  ${formatFiber(fiber)}`)
  if (run.waits.length > 50) lines.push(`  and ${run.waits.length - 50} more`)
  if (run.cycle !== undefined) lines.push(`  ring: ${run.cycle.join(" → ")}`)
  for (const fiber of run.leaks.slice(0, 50)) lines.push(`  left behind: ${formatFiber(fiber)}`)
  if (run.leaks.length > 50) lines.push(`  and ${run.leaks.length - 50} more`)
  if (run.timers.length > 0) lines.push(`  left behind: ${count(run.timers.length, "timer")}, the first at ${formatMillis(run.timers[0]!)}`)
  return lines.join("\n")
}
