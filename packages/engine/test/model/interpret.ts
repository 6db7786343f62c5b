/** Runs a random program on an engine under the simulator, and has everything judged that the engine says and the works do. */
import { Simulator } from "@skein/core/testing"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as SubscriptionRef from "effect/SubscriptionRef"
import * as Condition from "../../src/Condition.ts"
import * as Engine from "../../src/Engine.ts"
import * as Job from "../../src/Job.ts"
import { happened, judgeBegin, judgeChange, judgeExit, judgeInstant, judgeLend, judgeReturn } from "./judge.ts"
import { type Action, type JobSpec, opensAt, type Program, type Resource, resources } from "./language.ts"
import { type DescriptionRecord, type LinkRecord, type RunRecord, World } from "./world.ts"

class Interpreter {
  readonly world: World
  readonly gates: ReadonlyArray<SubscriptionRef.SubscriptionRef<boolean>>
  /** Owns those that wait for an end: they outlive the engine. */
  readonly outer: Scope.Closeable
  engine: Engine.Engine | undefined

  constructor(world: World, gates: ReadonlyArray<SubscriptionRef.SubscriptionRef<boolean>>, outer: Scope.Closeable) {
    this.world = world
    this.gates = gates
    this.outer = outer
  }

  /** Makes an engine, does the steps, and closes the engine, also when it is interrupted. */
  get body(): Effect.Effect<void, unknown, Scope.Scope> {
    const { program } = this.world
    return Effect.gen({ self: this }, function* () {
      const engine = yield* Engine.make({
        limits: program.limits,
        onClose: program.onClose,
        grace: program.grace,
        onChange: (run) => judgeChange(this.world, run)
      })
      this.engine = engine
      yield* Effect.addFinalizer(() => this.closing)
      for (const { action, wait } of program.steps) {
        yield* Effect.sleep(wait)
        yield* this.act(engine, action)
      }
      yield* Effect.sleep(program.closeAfter)
    })
  }

  private get closing(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      happened(this.world, "closing", () => {
        if (this.world.runs.some((run) => run.end === undefined)) this.world.met.add(`closed with jobs to ${this.world.program.onClose}`)
        this.world.closingAt = this.world.clock()
      })
      if (this.world.program.onClose === "drain") yield* Effect.forEach([0, 1], (gate) => this.turn(gate, true), { discard: true })
    })
  }

  private act(engine: Engine.Engine, action: Action): Effect.Effect<void, unknown> {
    const { world } = this
    switch (action.do) {
      case "submit":
        return this.submit(engine, action.jobs, action.how)
      case "cancel":
      case "cancelById": {
        const run = world.runs[action.run % Math.max(1, world.runs.length)]
        return run === undefined ? Effect.void : this.cancel(engine, run, action.do === "cancel" ? run.handle : undefined)
      }
      case "cancelWaiting":
        return this.cancelWaiting(engine)
      case "rerun": {
        const run = world.runs[action.run % Math.max(1, world.runs.length)]
        return run === undefined ? Effect.void : this.rerun(engine, run)
      }
      case "gate":
        return this.turn(action.gate, action.open)
      case "resize":
        return this.resize(engine, action.resource, action.to)
    }
  }

  /** While the call is under way the larger limit is allowed; no time passes meanwhile. */
  private resize(engine: Engine.Engine, resource: Resource, to: number): Effect.Effect<void> {
    const { world } = this
    const change = (): void =>
      happened(world, `${resource} becomes ${to}`, () => {
        // Whoever waited inside may have been given back what it lent, and not have gone on yet.
        const back = world.returning().reduce((sum, run) => sum + world.need(run, resource), 0)
        if (world.used(resource) + back > to) world.met.add("narrowed")
        world.limits[resource] = to
      })
    return Effect.suspend(() => {
      const wider = to > world.limits[resource]
      if (wider) change()
      return Effect.andThen(
        engine.resize({ [resource]: to }),
        Effect.sync(() => (wider ? undefined : change()))
      )
    }).pipe(Effect.uninterruptible)
  }

  /** Opens or closes a gate. */
  private turn(gate: number, open: boolean): Effect.Effect<void> {
    const change = Effect.sync(() => happened(this.world, `gate ${gate} ${open ? "opens" : "shuts"}`, () => (this.world.open[gate] = open)))
    return Effect.uninterruptible(Effect.andThen(change, SubscriptionRef.set(this.gates[gate]!, open)))
  }

  private submit(engine: Engine.Engine, specs: ReadonlyArray<JobSpec>, how: "together" | "one by one"): Effect.Effect<void, unknown> {
    return Effect.gen({ self: this }, function* () {
      if (how === "together") {
        const described = specs.map((spec) => this.describe(spec))
        const handles = yield* engine.submitAll(described.map(({ job }) => job!))
        for (const handle of handles) yield* this.follow(handle)
        return
      }
      for (const spec of specs) yield* this.follow(yield* engine.submit(this.describe(spec).job!))
    })
  }

  /** Keeps a handle with its run, and waits for the end beside the program. */
  private follow(handle: Job.Handle<string, string>): Effect.Effect<void> {
    const { world } = this
    return Effect.suspend(() => {
      const run = world.byId.get(handle.id)
      if (run === undefined) {
        world.break(`${handle.id} was taken and nothing was said of it`)
        return Effect.void
      }
      run.handle = handle
      const awaiting = Effect.map(handle.await, (end) => {
        run.told.push(end)
        if (run.end !== end) world.break(`the handle of ${run.id} says ${end._tag}, the engine ${String(run.end?._tag)}`)
      })
      return Effect.asVoid(Effect.forkIn(awaiting, this.outer))
    }).pipe(Effect.uninterruptible)
  }

  private cancel(engine: Engine.Engine, run: RunRecord, handle: Job.Handle<string, string> | undefined): Effect.Effect<void> {
    const { world } = this
    const cancelling = Effect.suspend(() => {
      happened(world, `${run.id} is cancelled`, () => {
        if (run.end === undefined) run.cancelledAt ??= world.clock()
      })
      const call: Effect.Effect<unknown> = handle === undefined ? engine.cancel(run.id, "enough") : handle.cancel("enough")
      return Effect.map(call, () => {
        if (run.end === undefined) world.break(`${run.id} was cancelled and has not ended`)
      })
    })
    return Effect.asVoid(Effect.forkIn(cancelling, this.outer))
  }

  private cancelWaiting(engine: Engine.Engine): Effect.Effect<void> {
    const { world } = this
    const cancelling = Effect.suspend(() => {
      happened(world, "those that wait are cancelled", () => {
        for (const run of world.runs) if (run.end === undefined) run.mayBeCancelled = true
        world.sweeps++
      })
      return Effect.map(engine.cancel({ state: "waiting" }, "enough"), () => world.sweeps--)
    })
    return Effect.asVoid(Effect.forkIn(cancelling, this.outer))
  }

  private rerun(engine: Engine.Engine, run: RunRecord): Effect.Effect<void, unknown> {
    const { world } = this
    return Effect.gen({ self: this }, function* () {
      const latest = run.of.runs.at(-1)!
      const ended = latest.end !== undefined
      const exit = yield* Effect.exit(engine.rerun(latest.handle ?? latest.id))
      if (Exit.isFailure(exit)) {
        const error = Cause.squash(exit.cause)
        const tag = error instanceof Engine.SubmitError ? error.reason._tag : String(error)
        if (tag === "AlreadyRunning" && !ended) world.met.add("AlreadyRunning")
        else if (!Cause.hasInterruptsOnly(exit.cause)) world.break(`to run ${latest.id} again was refused: ${tag}`)
        return
      }
      world.met.add("rerun")
      yield* this.follow(exit.value as Job.Handle<string, string>)
    })
  }

  private describe(spec: JobSpec): DescriptionRecord {
    const { world } = this
    const key = world.descriptions.length
    const back = (n: number): DescriptionRecord | undefined => world.descriptions[key - 1 - n]
    const after = spec.after.flatMap(({ back: n, by, ends }) => {
      const to = back(n)
      if (to === undefined) return []
      const link: LinkRecord = { kind: spec.links, to, wants: new Set(ends ?? ["completed"]) }
      return [{ link, on: ends === undefined ? this.refer(to, by) : Job.on(this.refer(to, by), ends) }]
    })
    const inputs = spec.inputs.flatMap(({ as, back: n }) => {
      const to = back(n)
      if (to === undefined) return []
      const link: LinkRecord = { kind: as, to, wants: new Set() }
      return [{ link, place: as === "result" ? Job.result(to.job!) : Job.outcome(to.job!) }]
    })
    const of: DescriptionRecord = {
      key,
      name: `job ${key}`,
      spec,
      links: [...after, ...inputs].map(({ link }) => link),
      job: undefined,
      runs: []
    }
    const { attemptTimeout, backOff, gate, needs, onUpstream, priority, queueTimeout, retry, timeout } = spec
    const options: Job.Options<string> = {
      // Every second one has an id of its own.
      id: key % 2 === 0 ? `id ${key}` : undefined,
      after: after.length === 0 ? undefined : spec.links === "any" ? Job.afterAny(after.map(({ on }) => on)) : after.map(({ on }) => on),
      when:
        gate === undefined ? undefined : gate === 2 ? Condition.after(opensAt) : Condition.ref(this.gates[gate]!, (open: boolean) => open),
      needs,
      priority,
      retry: retry === undefined ? undefined : backOff === 0 ? { times: retry } : { times: retry, schedule: Schedule.spaced(backOff) },
      timeout,
      attemptTimeout,
      queueTimeout,
      onUpstream
    }
    of.job =
      inputs.length === 0
        ? Job.make(of.name, { ...options, run: this.work(of, []) })
        : Job.make(of.name, {
            ...options,
            // At any depth.
            input: { first: inputs[0]!.place, others: inputs.slice(1).map(({ place }) => ({ of: place })) },
            run: ({ first, others }) => this.work(of, [first, ...others.map((other) => other.of)])
          })
    world.descriptions.push(of)
    return of
  }

  private refer(to: DescriptionRecord, by: "job" | "handle" | "id"): Job.Ref<string, string> {
    const latest = to.runs.at(-1)
    return (by === "handle" ? latest?.handle : by === "id" ? (latest?.id ?? to.job!.id) : undefined) ?? (to.job as Job.Job<string, string>)
  }

  private work(of: DescriptionRecord, input: ReadonlyArray<unknown>): Effect.Effect<string, string> {
    const { world } = this
    const { cleanup, how, stubborn, takes, waits, wrong } = of.spec.work
    return Effect.uninterruptibleMask((restore) =>
      Effect.suspend(() => {
        const attempt = judgeBegin(world, of, input)
        const end = Effect.suspend((): Effect.Effect<string, string> => {
          if (attempt.run.attempts.length > wrong) return Effect.succeed(world.fresh("v"))
          return how === "fail" ? Effect.fail(world.fresh("e")) : Effect.die(world.fresh("d"))
        })
        const other = waits === undefined ? undefined : world.descriptions[of.key - 1 - waits]?.runs.at(-1)
        // What began is told of when it is over, wherever it is interrupted.
        const wait = Effect.uninterruptibleMask((restore) => {
          if (other?.handle === undefined) return Effect.void
          judgeLend(world, attempt, other)
          return Effect.onExit(restore(other.handle.await), (exit) => Effect.sync(() => judgeReturn(world, attempt, exit)))
        })
        const whole = Effect.sleep(takes).pipe(Effect.andThen(wait), Effect.andThen(end))
        return Effect.exit(stubborn ? whole : restore(whole)).pipe(
          Effect.tap(() => {
            attempt.leavingAt = world.clock()
            return cleanup === 0 ? Effect.void : Effect.sleep(cleanup)
          }),
          Effect.flatMap((exit) => {
            judgeExit(world, attempt, exit)
            return exit
          })
        )
      })
    )
  }

  /** Nothing is left of the engine, and it takes nothing more. */
  get after(): Effect.Effect<void> {
    const { engine, world } = this
    if (engine === undefined) return Effect.void
    return Effect.gen(function* () {
      for (const run of world.runs) {
        if (run.end === undefined) world.break(`the engine closed and ${run.id} is ${run.stands}`)
      }
      const refused = yield* Effect.flip(engine.submit(Job.make("too late", { run: Effect.void }))).pipe(Effect.orDie)
      if (refused.reason._tag !== "Closed") world.break(`the closed engine refuses with ${refused.reason._tag}`)
      yield* Effect.sleep("1 day")
      judgeInstant(world, world.clock())
      const { abandoned, ended, limits, running, waiting } = yield* engine.stats
      const left = [abandoned, running, ...Object.values(waiting), ...resources.map((name) => limits[name]!.used)]
      if (left.some((n) => n !== 0)) world.break(`the books do not balance: ${JSON.stringify({ abandoned, running, waiting, limits })}`)
      const total = Object.values(ended).reduce((sum, n) => sum + n, 0)
      if (total !== world.runs.length) world.break(`${total} runs have ended of ${world.runs.length}`)
      for (const run of world.runs) {
        if (world.active(run)) world.break(`the work of ${run.id} goes on`)
        if (run.handle !== undefined && run.told.length !== 1) world.break(`whoever waits for ${run.id} was told ${run.told.length} ends`)
        if (run.handle !== undefined && run.handle.state._tag !== "Ended")
          world.break(`the handle of ${run.id} says ${run.handle.state._tag}`)
      }
    })
  }
}

export interface Finding {
  /** What is wrong; `undefined` if nothing is. */
  readonly problem: string | undefined
  readonly met: ReadonlySet<string>
  readonly events: ReadonlyArray<string>
  readonly jobs: number
  readonly steps: number
}

export interface RunOptions {
  readonly seed: number
  /** Interrupts the owner of the engine, but not its judge, before this step. */
  readonly interrupt?: { readonly step: number; readonly moment: "before" | "during" } | undefined
}

/** Far more than any program needs. */
const mostTurns = 300_000

/** Runs a program under one schedule, and says what is wrong with it. */
export const runProgram = (program: Program, { interrupt, seed }: RunOptions): Finding => {
  let world = new World(program)
  const main = (): Effect.Effect<unknown> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        world = new World(program)
        const clock = yield* Clock.Clock
        world.clock = () => clock.currentTimeMillisUnsafe()
        const outer = yield* Scope.make()
        const interpreter = new Interpreter(world, [yield* SubscriptionRef.make(false), yield* SubscriptionRef.make(false)], outer)
        const exit = yield* Effect.exit(restore(Effect.scoped(interpreter.body)))
        if (Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause)) world.break(`the program failed: ${Cause.pretty(exit.cause)}`)
        world.closedAt = world.clock()
        yield* interpreter.after
        yield* Scope.close(outer, Exit.void)
      })
    ).pipe(Effect.provideService(Logger.CurrentLoggers, new Set()))
  let turns = 0
  const run = Simulator.runSync(main, {
    seed,
    // Turns of an engine in which no fiber takes a step count as no steps.
    invariant: () => {
      if (++turns > mostTurns) throw new Error(`${mostTurns} turns, and no end`)
    },
    interrupt: interrupt === undefined ? undefined : { ...interrupt, target: "main" }
  })
  // Interrupted before its first step, it has done nothing.
  const stopped = run.interrupted !== undefined && run.cause !== undefined && Cause.hasInterruptsOnly(run.cause)
  const problem =
    world.broken.length > 0
      ? world.broken.join("\n")
      : run.verdict !== "passed" && !(run.verdict === "failed" && stopped)
        ? `${run.verdict}: ${run.report}`
        : run.leaks.length > 0
          ? `left fibers: ${run.leaks.map((fiber) => `${fiber.label} ${fiber.state}`).join("; ")}`
          : run.timers.length > 0
            ? `left ${run.timers.length} timers`
            : undefined
  if (interrupt !== undefined && run.interrupted !== undefined) world.met.add("interrupted")
  return { problem, met: world.met, events: world.events, jobs: world.runs.length, steps: run.steps }
}
