/**
 * Which test forbids which flaw: of the five seed systems (SEEDS.md, by its ids), and of libraries that others have shipped (FACTS.md). `flaws.test.ts` fails when an id is missing or
 * a test it names is not there.
 *
 * A flaw that concerns threads, processes, jobs, services or nets is forbidden by the package that brings those; until then `later` says which one.
 */

/** A test by its file, from the root of the workspace, and its title. */
export type Test = readonly [file: string, title: string]

/** Who forbids what is no matter of this foundation: an issue by its number, or a room of DESIGN.md section 2 that has no issue yet. */
type Later = "issue 4: flavours" | "issue 5: commands" | "issue 6: engine" | "service" | "net"

export interface Flaw {
  /** In our own words: what a user must never meet. */
  readonly never: string
  readonly tests?: ReadonlyArray<Test>
  /** For what remains of it, or all of it. */
  readonly later?: Later
}

const ownership = "test/laws/ownership.test.ts"
const outcomes = "test/laws/outcomes.test.ts"
const failFast = "test/laws/failFast.test.ts"
const bounds = "test/laws/bounds.test.ts"
const deadlines = "test/laws/deadlines.test.ts"
const nesting = "test/laws/nesting.test.ts"
const misuse = "test/laws/misuse.test.ts"
const random = "test/laws/random.test.ts"
const deciding = "test/laws/deciding.test.ts"
const sharing = "test/laws/sharing.test.ts"
const streaming = "test/laws/streaming.test.ts"
const commands = "test/laws/commands.test.ts"
const servedApp = "packages/node/test/ServedApp.integration.test.ts"

const jobLaws = "test/laws/jobs.test.ts"
const jobTests = "packages/engine/test"
const jobFlaws = `${jobTests}/Flaws.test.ts`
const jobFlawsReal = `${jobTests}/Flaws.integration.test.ts`
const condition = `${jobTests}/Condition.test.ts`

const skippedTakesNothing: Test = [
  `${jobTests}/Engine.upstream.test.ts`,
  "gives the limits of a skipped job to others, for it has taken none"
]
const jobsBounded: Test = [jobLaws, "across resize, waits inside, retries and cancels"]
const jobRetryIsPart: Test = [jobLaws, "waits and dependents hear of the last attempt, and the limits are free in between"]
const jobObservers: Test = [jobLaws, "of jobs that never started, and of those that were skipped, too"]
const busyThread: Test = [jobFlawsReal, "holds up neither the other jobs nor who submits more, and is stopped when it is cancelled"]
const stubbornCommand: Test = [jobFlawsReal, "is gone with its grandchildren when it is cancelled, also where it ignores a first signal"]
const killedFails: Test = [commands, "law 8: a command that somebody kills fails by that signal, and no other"]
const wholeTree: Test = [commands, "ends with its grandchildren when it is asked to stop, those that left its session too"]
const anyAddress: Test = [servedApp, "serves on %s"]
const inAChild: Test = [servedApp, "counts a server that a child of the command started"]
const noStranger: Test = [servedApp, "takes no stranger for the app, who listens on its port"]
const anotherPort: Test = [servedApp, "takes another port where somebody was faster than the app"]
const returnsEarly: Test = [servedApp, "does not ignore that an effect returns before it is ready"]
const noOutliving: Test = [ownership, "law 1: no task outlives its owner, whether the owner returns, fails or has no time left"]
const noOutlivingInterrupted: Test = [ownership, "law 1: no task outlives an owner that is interrupted"]
const abandonedListed: Test = [ownership, "law 1: what does not end within the grace is listed as abandoned, and only that goes on"]
const onceEach: Test = [ownership, "law 2: interrupting the owner interrupts each task once"]
const longCleanup: Test = [ownership, "law 2: cleanup is waited for, however long it takes"]
const slowIsSaid: Test = [ownership, "law 2: a wait of more than ten seconds for cleanup says in the log who is waited for"]
const noLeaks: Test = [ownership, "law 18: wherever anybody is interrupted, nothing leaks and every resource is given back"]
const inOrder: Test = [outcomes, "law 3: one outcome per input, in input order, also for inputs that never started"]
const unchanged: Test = [outcomes, "law 3: an outcome is never changed after it was returned"]
const lazily: Test = [
  outcomes,
  "law 3: a source of unknown size that was not read to its end says so, and was read no further than there were places"
]
const nothingGiven: Test = [outcomes, "law 3: empty input"]
const everyFailure: Test = [outcomes, "law 6: each failure appears exactly once, with the name and index of its task"]
const anyThrown: Test = [outcomes, "law 6: a task that dies with undefined or with something that is no error has failed all the same"]
const isolated: Test = [outcomes, "law 7: where failures are tolerated, the others run to their end and keep their values"]
const observersHarmless: Test = [outcomes, "law 13: an observer that throws changes no outcome"]
const oneTypedError: Test = [failFast, "law 5: fails with exactly one typed failure, the original, once the others are cleaned up"]
const nothingLost: Test = [failFast, "law 5: nothing that was finished is lost, and a cancelled task is never called failed or timed out"]
const failsFast: Test = [failFast, "law 5: does not wait for those who would go on: it asks them to stop"]
const bounded: Test = [bounds, "law 4: never more than the bound run at once, cleanup counted"]
const limiterEndsFull: Test = [bounds, "never admits more than it has, across resize and nesting, and ends with all its permits"]
const constantCost: Test = [bounds, "law 16: start, finish and release cost the same for each task, however many there are"]
const nothingAfterDeadline: Test = [deadlines, "law 9: what completed by the deadline is in the result, and nothing starts after it"]
const partialKept: Test = [deadlines, "law 10: a deadline around a call never loses what the call had"]
const ownClock: Test = [deadlines, "law 11: a task's time counts from its start, not from its turn in the queue"]
const retryIsPart: Test = [deadlines, "waits end after the last attempt, and each attempt's cause is listed"]
const whichLimit: Test = [deadlines, "law 10: of two limits the one that was reached first is the one that is told"]
const unmasked: Test = [ownership, "law 1: a call inside a region that cannot be interrupted still stops its own tasks, and ends"]
const noSpin: Test = [bounds, "law 16: waiting for cleanup costs nothing, however long"]
const throwingMapper: Test = [outcomes, "law 6: a function that throws fails its own item, wherever it is called from"]
const fromInside: Test = [nesting, "law 14: any operation may be called from inside any task"]
const nestedLimiter: Test = [nesting, "law 14: nested use of one limiter works at every size"]
const refusedWaits: Test = [nesting, "law 14: a wait that could never end is refused, with the reason"]
const waitsSeen: Test = [nesting, "a dump and a deadlock report say who waits for what"]
const afterClose: Test = [nesting, "law 15: after close, operations answer and nothing runs"]
const refusedOptions: Test = [misuse, "law 17: a wrong option is refused at once, and the message says what it must be and what it was"]
const clearDecision: Test = [deciding, "law 1: who decides early waits for the cleanup of the rest, and asks each of them once"]
const firstIsFirst: Test = [
  deciding,
  "law 3: the first value is the one that came first, whatever its place, and nothing else is waited for"
]
const nothingToJoin: Test = [deciding, "law 3: a fan-out of nothing ends at once, in a defined way"]
const outOfReach: Test = [deciding, "law 6: what can no longer be met fails at once, with every cause"]
const eagerDecision: Test = [deciding, "law 1: what decides before anything was suspended starts nothing more, and leaves nothing"]
const brokenJoiner: Test = [deciding, "law 13: a joiner that throws is a defect, after everything was stopped and cleaned up"]
const hedgesBounded: Test = [
  deciding,
  "never run more than their copies, nor more further copies than their budget has, and hold no permit afterwards"
]
const sharedBound: Test = [sharing, "law 4: calls that share a limiter never exceed it together, and leave it as it was"]
const executorBound: Test = [sharing, "law 4: the calls of an executor never exceed its limit together"]
const closingWaits: Test = [sharing, "law 1: closing an executor ends its calls, and waits for their tasks"]
const afterExecutorClose: Test = [sharing, "law 15: after an executor was closed, each call fails with a typed error and nothing runs"]
const callsInCalls: Test = [sharing, "law 14: calls inside of calls, at every size"]
const inTurn: Test = [sharing, "law 16: a small call behind a huge one waits for a turn or two, not for all of it"]
const sharedQueueing: Test = [sharing, "law 11: the wait for a shared executor is queueing, and no task's own time"]
const leftStream: Test = [streaming, "law 1: a stream that is left early ends when its tasks have ended"]
const streamOrder: Test = [streaming, "law 3: a stream gives each outcome once, and in the order that was asked for"]
const streamBound: Test = [streaming, "law 4: a stream has at most so many tasks running, and so many outcomes that nobody has read"]
const anyProgram: Test = [random, "keep every invariant at every step and end as the model allows, and none of them hangs"]

export const flaws: Readonly<Record<string, Flaw>> = {
  // A: many stoppable tasks in one of three modes
  "A-B1": { never: "a killed process that counts as a success and takes its siblings with it", later: "issue 4: flavours" },
  "A-B2": { never: "siblings that go on after the call has failed", tests: [noOutliving, oneTypedError] },
  "A-B3": {
    never: "a failure in the background that nobody hears of",
    tests: [["packages/core/test/TaskGroup.make.test.ts", "logs failures that nobody joined when the scope closes"], everyFailure]
  },
  "A-B4": { never: "a task that is asked to stop more than once", tests: [onceEach] },
  "A-B5": { never: "one failing stop that spares the rest, or takes the place of the first error", tests: [oneTypedError, everyFailure] },
  "A-B6": { never: "a stop without a bound", tests: [abandonedListed, slowIsSaid], later: "issue 4: flavours" },
  "A-B7": { never: "an empty list that is an error in one mode and fine in another", tests: [nothingGiven] },
  "A-B8": {
    never: "start, stop and start again with an effect that depends on luck",
    tests: [afterClose, ["packages/core/test/TaskGroup.handle.test.ts", "makes a task of its own of each run of the same spawn effect"]]
  },
  "A-B9": { never: "a cancelled task that escapes the policy and breaks the counters", tests: [isolated, inOrder, anyProgram] },
  "A-B10": { never: "an exit or an odd exception that slips past the policy", tests: [anyThrown], later: "issue 4: flavours" },
  "A-B11": { never: "a task called fine because it is nothing else", tests: [inOrder] },
  "A-B12": { never: "values and second failures that are thrown away", tests: [everyFailure, inOrder] },
  "A-B13": {
    never: "one failure logged three times",
    tests: [["packages/core/test/TaskGroup.test.ts", "does not log a failure that the body only passed on from a task it joined"]]
  },
  "A-B14": { never: "a fixed list of tasks that nothing can be added to or taken from", tests: [fromInside], later: "service" },
  "A-B15": { never: "work that begins, and leaks, in a constructor", tests: [noLeaks], later: "service" },
  "A-B16": { never: "documentation and types that say another thing than the code", tests: [refusedOptions], later: "service" },
  "A-B17": { never: "a start that failed and is reported as started", later: "service" },

  // B: jobs with states, dependencies, conditions
  "B-B1": { never: "a slot that is taken and never given back", tests: [limiterEndsFull, anyProgram, skippedTakesNothing, jobsBounded] },
  "B-B2": { never: "a wait that ends at the first of several attempts", tests: [retryIsPart, jobRetryIsPart] },
  "B-B3": {
    never: "cancelling one that stops the world for the others",
    tests: [
      [
        "packages/core/test/TaskGroup.handle.test.ts",
        "interrupts the task, waits for its cleanup and gives the outcome with the reason; the others go on"
      ],
      busyThread,
      stubbornCommand
    ]
  },
  "B-B4": { never: "a killed command that is done", tests: [killedFails, [jobFlawsReal, "that somebody kills has failed"]] },
  "B-B5": { never: "grandchildren that survive a cancel", tests: [wholeTree, stubbornCommand] },
  "B-B6": { never: "a callback that throws and leaves the task running for ever", tests: [observersHarmless, jobObservers] },
  "B-B7": { never: "a callback that throws and makes a failure of a success, or runs it again", tests: [observersHarmless, jobObservers] },
  "B-B8": {
    never: "a call from inside that locks the whole thing up",
    tests: [
      fromInside,
      [jobLaws, "submit, wait, cancel, rerun, resize and list, in an engine of one place"],
      [jobFlaws, "may submit, cancel and rerun from inside of its call, which does not lock the engine up"]
    ]
  },
  "B-B9": {
    never: "one exit that kills the engine",
    tests: [
      anyThrown,
      [`${jobTests}/Engine.upstream.test.ts`, "is skipped when a work dies that tries to end everything"],
      [jobFlawsReal, "fails, and the engine and its other jobs go on"],
      [jobLaws, "and no other, in flavour $name"]
    ]
  },
  "B-B10": {
    never: "a condition that throws and is never heard of",
    tests: [
      [`${jobTests}/Condition.await.test.ts`, "when a predicate throws later, for a value"],
      [`${jobTests}/Engine.attempts.test.ts`, "fail the job when they throw"],
      [jobLaws, "whichever code of a job throws"]
    ]
  },
  "B-B11": {
    never: "a cycle that waits in silence",
    tests: [
      refusedWaits,
      waitsSeen,
      [`${jobTests}/Engine.test.ts`, "refuses a circle, written out"],
      [`${jobTests}/Engine.test.ts`, "refuses a reference to a job that it does not have"],
      [jobLaws, "and a wait that could never end is refused with the circle written out"]
    ]
  },
  "B-B12": {
    never: "times of day compared digit by digit",
    tests: [
      [condition, "compares times of the day as a whole"],
      [condition, "ends on the morning after the days on which it begins"],
      [condition, "goes over Sunday"],
      [`${jobTests}/Condition.property.test.ts`, "hold and change as lists of minutes combined in the same way do"]
    ]
  },
  "B-B13": {
    never: "a period that is shared, spent unseen, or drifts",
    tests: [
      [condition, "are frozen, and keep no list that the caller may change"],
      [condition, "gives the same answer wherever in time one asks from"],
      [`${jobTests}/JobSchedule.grid.test.ts`, "counts a period from its origin, before and after it"],
      [jobFlaws, "is nobody else's: two schedules of one period have each tick, however long their jobs take"]
    ]
  },
  "B-B14": {
    never: "a schedule that floods or overlaps itself",
    tests: [
      [jobFlaws, "has one job for a condition that stays true, tells that it failed, and does not keep the engine from being idle"],
      [jobFlaws, "that is shorter than its job never has two of them at once, and drops no failure"],
      [`${jobTests}/JobSchedule.overlap.test.ts`, "runs beside up to as many as are allowed"],
      [`${jobTests}/JobSchedule.overlap.test.ts`, "takes the place of an older one where too many wait"]
    ]
  },
  "B-B15": {
    never: "one task that runs twice at once because it was submitted again",
    tests: [
      ["packages/core/test/TaskGroup.handle.test.ts", "makes a task of its own of each run of the same spawn effect"],
      [`${jobTests}/Engine.test.ts`, "refuses a job whose last run has not ended"],
      [`${jobTests}/Engine.runs.test.ts`, "is refused while the job runs"]
    ]
  },
  "B-B16": {
    never: "a second run on the first run's inputs",
    tests: [
      [`${jobTests}/Engine.runs.test.ts`, "uses what upstream gives now"],
      [`${jobTests}/Engine.runs.test.ts`, "waits for an upstream job that is being run again"],
      [`${jobTests}/Job.test.ts`, "does not change the input it stands in"]
    ]
  },
  "B-B17": {
    never: "an old error that stays after a retry succeeded",
    tests: [
      retryIsPart,
      ["packages/core/test/TaskGroup.handle.test.ts", "counts once: the first reason stands"],
      [jobFlaws, "has no error left, and lists why the attempts before failed"],
      [jobFlaws, "has all of its attempts again when it is run again"]
    ]
  },
  "B-B18": {
    never: "threads, pools, results or folders that pile up",
    tests: [
      noLeaks,
      ["packages/core/test/TaskGroup.time.test.ts", "keeps the place of an abandoned task taken until it really ends, and counts it"],
      [jobFlawsReal, "leave no thread behind but those of the pool"],
      [`${jobTests}/Engine.runs.test.ts`, "forgets the oldest that ended, whose handles keep what they have"],
      [
        `${jobTests}/Output.integration.test.ts`,
        "is gone with all that is in it when the engine that forgot the run has closed, and a run with the same id may follow at once"
      ]
    ]
  },
  "B-B19": {
    never: "callables that are refused for what they are",
    tests: [
      [`${jobTests}/Launcher.test.ts`, "takes every kind of callable for a call"],
      [`${jobTests}/Engine.upstream.test.ts`, "dies with a function that gives no effect"]
    ]
  },
  "B-B20": {
    never: "output captured from the wrong task",
    tests: [
      [`${jobTests}/Output.test.ts`, "never mixes: each has its own, in its order, whoever of its fibers wrote it"],
      [`${jobTests}/Output.integration.test.ts`, "does not mix where fifty write at once more than the buffers take"],
      [`${jobTests}/CommandJob.integration.test.ts`, "is where the command runs, if asked for"],
      [`${jobTests}/Launcher.test.ts`, "waits for the promise of a cancelled call, and keeps its value"]
    ]
  },
  "B-B21": { never: "a plain function that blocks the scheduling of everything", tests: [busyThread] },
  "B-B22": {
    never: "leaving a scope that abandons what runs in it",
    tests: [
      noOutliving,
      ["packages/core/test/TaskGroup.make.test.ts", "cancels its tasks and awaits them when the scope closes"],
      [`${jobTests}/Engine.close.test.ts`, "interrupts what runs and gives up what waits"],
      [`${jobTests}/Engine.close.test.ts`, "lets all of it end when it drains"],
      [jobFlaws, "takes nothing from another one, around it or after it"]
    ]
  },
  "B-B23": {
    never: "a launcher bound to an engine that is gone",
    tests: [[`${jobTests}/Launcher.test.ts`, "finds the engine anew each time, so a launcher outlives engines"]]
  },
  "B-B24": {
    never: "an unread stream that holds its slot for ever",
    tests: [
      lazily,
      [`${jobTests}/StreamJob.test.ts`, "gives its place back"],
      [`${jobTests}/StreamJob.test.ts`, "is cancelled after its patience when nobody came"],
      [`${jobTests}/StreamJob.test.ts`, "runs by turns with a job of its engine that reads it, under a limit of 1"]
    ]
  },
  "B-B25": {
    never: "a bound of 0 that means none, an option that is misspelt and ignored",
    tests: [refusedOptions, [jobLaws, "%s: wrong values of %s"], [jobFlaws, "that is misspelt or not there is refused: %s"]]
  },
  "B-B26": {
    never: "a cancel that comes too early and breaks",
    tests: [
      ["packages/core/test/TaskGroup.handle.test.ts", "takes a queued task out: it never runs, and whoever waits for it is told"],
      anyProgram,
      [jobFlaws, "that comes in the very turn of the submission ends the job, whether it has begun or not"],
      [jobFlaws, "of an id that was never submitted ends nobody, and of a job that has ended changes nothing"],
      [jobFlawsReal, "is stopped also where it is cancelled while it starts"]
    ]
  },
  "B-B27": {
    never: "inputs inside of inputs passed on unresolved",
    tests: [
      [`${jobTests}/Job.test.ts`, "is replaced at any depth"],
      [`${jobTests}/Job.test.ts`, "may stand in two places"]
    ]
  },
  "B-B28": {
    never: "an end that does not say why",
    tests: [
      everyFailure,
      nothingAfterDeadline,
      nothingLost,
      [jobFlaws, "says why, whichever way it came"],
      [jobFlaws, "of waiting says whether the time was over"],
      [`${jobTests}/Engine.test.ts`, "fails with the job's own error"],
      [`${jobTests}/Engine.upstream.test.ts`, "names the chain down to the root"]
    ]
  },
  "B-B29": {
    never: "polling, and an order that depends on it",
    tests: [
      constantCost,
      ["packages/core/test/TaskGroup.test.ts", "starts all high tasks before the first normal one, and those before the low ones"],
      [`${jobTests}/Engine.test.ts`, "does nothing for waiting jobs while nothing happens"],
      [`${jobTests}/Engine.limits.test.ts`, "let jobs start in the order in which they came"],
      [jobLaws, "and nothing while it waits, however long"]
    ]
  },
  "B-B30": { never: "a server called ready or dead by mistake", tests: [anyAddress, inAChild, noStranger, anotherPort, returnsEarly] },
  "B-B31": {
    never: "no time limit, no back-off, no reason, no progress, no weight, nothing left of what ran at a crash",
    tests: [
      ownClock,
      retryIsPart,
      nothingLost,
      jobRetryIsPart,
      [jobLaws, "time in the line from when it may start, time for its attempts from its first start"],
      [`${jobTests}/Engine.limits.test.ts`, "are taken by weight"],
      [`${jobTests}/Engine.attempts.test.ts`, "interrupts a job that runs, and waits for its cleanup"],
      [`${jobTests}/Engine.durable.test.ts`, "that waits when its process is killed runs after that, with what its upstream gave before"],
      [`${jobTests}/Engine.durable.test.ts`, "that ran when its process was killed fails as lost, unless it may run again"],
      [jobFlaws, "is heard by observers of the engine and seen in its run, whatever they throw"]
    ]
  },

  // C: components wired by ports
  "C-B1": { never: "the real error hidden behind the one of the clean-up", tests: [oneTypedError, everyFailure] },
  "C-B2": { never: "a failed run that leaves its parts alive and loses what was done", tests: [noOutliving, nothingLost] },
  "C-B3": { never: "configuration that hangs", later: "net" },
  "C-B4": {
    never: "an interrupted wait that stays in the line and takes what is meant for the next",
    tests: [
      [
        "packages/core/test/Limiter.sweep.test.ts",
        "takes a cancelled waiter out of the queue, so that later releases wake the others (anyio#1145, cockatiel#112, piscina#805)"
      ],
      anyProgram
    ],
    later: "net"
  },
  "C-B5": { never: "a hang without a diagnosis", tests: [waitsSeen, refusedWaits], later: "net" },
  "C-B6": { never: "a second wire that silently replaces the first", later: "net" },
  "C-B7": { never: "a bound that does not bind", tests: [bounded], later: "net" },
  "C-B8": { never: "types that are declared and not checked", later: "net" },
  "C-B9": { never: "outputs of which only the first is kept", tests: [inOrder], later: "net" },
  "C-B10": { never: "a signature that crashes for its style", later: "net" },
  "C-B11": { never: "edits that break the structure", later: "net" },
  "C-B12": { never: "names that cannot be looked up again", later: "net" },
  "C-B13": {
    never: "one failure after which a part is dead and looks alive, and messages that pile up as tasks",
    tests: [isolated],
    later: "net"
  },
  "C-B14": { never: "one failure told again by every later call", tests: [isolated, everyFailure] },
  "C-B15": { never: "public functions that call what does not exist", later: "net" },
  "C-B16": { never: "a drawing that changes from run to run", later: "net" },
  "C-B17": { never: "plain functions that run one after the other on the event loop", later: "issue 4: flavours" },
  "C-B18": { never: "a dead child that nobody notices", later: "issue 4: flavours" },
  "C-B19": { never: "a stop that hangs or fails by chance", tests: [noLeaks, anyProgram], later: "issue 4: flavours" },
  "C-B20": { never: "a remote part whose making blocks, and whose calls leak", later: "net" },
  "C-B21": {
    never: "a history that is kept for ever",
    tests: [
      ["packages/core/test/TaskGroup.make.test.ts", "keeps no outcomes with outcomes drop, but still those that the group fails with"]
    ],
    later: "net"
  },
  "C-B22": { never: "known gaps that nobody closes", later: "net" },

  // D: fan-out and fan-in
  "D-B1": {
    never: "children that run on after their caller was cancelled",
    tests: [noOutlivingInterrupted, onceEach, leftStream, closingWaits]
  },
  "D-B2": { never: "a race that waits for all and names the wrong winner", tests: [firstIsFirst, clearDecision] },
  "D-B3": { never: "results that change after they were returned", tests: [unchanged] },
  "D-B4": { never: "a return before the cleanup has run", tests: [noOutliving, longCleanup, clearDecision, leftStream] },
  "D-B5": {
    never: "a fail-fast that does not fail, and calls cancelled what is timed out",
    tests: [oneTypedError, nothingLost, failsFast]
  },
  "D-B6": { never: "a retry that is not made", tests: [retryIsPart] },
  "D-B7": {
    never: "queueing counted as running, and tasks that never began called timed out",
    tests: [ownClock, sharedQueueing, nothingAfterDeadline]
  },
  "D-B8": {
    never: "a cancel inside a child that is swallowed",
    tests: [
      noOutlivingInterrupted,
      isolated,
      ["packages/parallel/test/parallelMap.test.ts", "tells a task whose fiber somebody else interrupted as cancelled, and goes on"]
    ]
  },
  "D-B9": { never: "an error for an empty input", tests: [nothingGiven, nothingToJoin] },
  "D-B10": {
    never: "a nested call that waits for its own caller's permit",
    tests: [nestedLimiter, callsInCalls, fromInside, executorBound]
  },
  "D-B11": {
    never: "no time limit of a task, a lost message, no way to be unlimited",
    tests: [ownClock, anyThrown, everyFailure, refusedOptions]
  },
  "D-B12": { never: "a complaint after the work, and unknown words that mean something", tests: [refusedOptions, brokenJoiner] },
  "D-B13": { never: "results without index, name or order", tests: [inOrder, streamOrder, everyFailure] },
  "D-B14": {
    never: "all tasks built before the first runs, and a mapper that throws away the call",
    tests: [lazily, streamBound, throwingMapper]
  },
  "D-B15": {
    never: "a return type that depends on a word",
    tests: [
      inOrder,
      // The type itself: test/types/parallel.types.ts, which a gate checks.
      ["packages/parallel/test/parallelGather.test.ts", "gives a tuple of outcomes for a tuple"]
    ]
  },
  "D-B16": { never: "an odd exception that leaves a task running in the books", tests: [anyThrown, sharedBound] },
  "D-B17": {
    never: "a timeout that loses what was done",
    tests: [
      partialKept,
      nothingAfterDeadline,
      ["packages/parallel/test/parallelGather.test.ts", "keeps the shape on the partial result of a time-out that fails"]
    ]
  },
  "D-B18": {
    never: "no quorum, no hedge, no priority, no progress, one limiter only",
    tests: [
      clearDecision,
      outOfReach,
      hedgesBounded,
      sharedBound,
      inTurn,
      ["packages/core/test/TaskGroup.test.ts", "starts all high tasks before the first normal one, and those before the low ones"],
      ["packages/core/test/Progress.test.ts", "reaches the observer of the task's group, with the task's index and name"],
      ["packages/parallel/test/ThrottledLimiter.sweep.test.ts", "gives every permit back, and never starts without a token"]
    ]
  },

  // E: services under one runtime
  "E-B1": { never: "cleanup that is cut off by a second cancel", tests: [onceEach, longCleanup] },
  "E-B2": { never: "a shutdown without a bound", tests: [abandonedListed] },
  "E-B3": {
    never: "a shutdown from inside that locks up",
    tests: [
      fromInside,
      ["test/laws/nesting.test.ts", "a task that cancels its group, or itself, is interrupted and not waited for by itself"]
    ],
    later: "service"
  },
  "E-B4": { never: "threads that outlive their owner", later: "issue 4: flavours" },
  "E-B5": { never: "work that is accepted after the end, and runs later or never", tests: [afterClose, afterExecutorClose] },
  "E-B6": {
    never: "a stop that is lost because it came early",
    tests: [
      ["packages/core/test/TaskGroup.handle.test.ts", "reaches a child that cancels its group before its first suspension (cpython#155418)"]
    ],
    later: "service"
  },
  "E-B7": { never: "a wrong word that is accepted and kills at start", tests: [refusedOptions] },
  "E-B8": { never: "one failure that ends everything, with no choice", tests: [isolated], later: "service" },
  "E-B9": { never: "a service that starts once in a life", later: "service" },
  "E-B10": { never: "work that does not run because nobody holds a reference", later: "service" },
  "E-B11": { never: "only the first failure, in a shape that depends on the mode, without a name", tests: [everyFailure] },
  "E-B12": { never: "an exit that passes by the error handling", tests: [anyThrown], later: "issue 4: flavours" },
  "E-B13": {
    never: "finished tasks that are kept for ever, and no bound",
    tests: [
      bounded,
      ["packages/core/test/TaskGroup.make.test.ts", "keeps no outcomes with outcomes drop, but still those that the group fails with"]
    ]
  },
  "E-B14": {
    never: "a start that waits for a poll",
    tests: [constantCost, ["packages/core/test/TaskGroup.test.ts", "runs 20,000 tasks that each spawn the next without filling the stack"]]
  },
  "E-B15": { never: "a process-wide lock that one hung runtime holds", later: "service" },
  "E-B16": { never: "a returned value that is fatal", tests: [inOrder], later: "service" },
  "E-B17": { never: "configuration that crashes when it is empty", later: "service" },
  "E-B18": { never: "examples that do not run", later: "service" }
}

/** Bugs that other libraries have shipped and that concern one thread, by what FACTS.md calls them. */
export const shipped: Readonly<Record<string, ReadonlyArray<Test>>> = {
  "cpython#155418": [
    eagerDecision,
    ["packages/core/test/TaskGroup.handle.test.ts", "reaches a child that cancels its group before its first suspension (cpython#155418)"]
  ],
  "Effect#6081": [
    sharedBound,
    [
      "packages/core/test/Limiter.sweep.test.ts",
      "gives every permit back: permit lost between taking and installing the release (Effect#6081, #6910, #8391)"
    ],
    limiterEndsFull
  ],
  "kotlinx#1477": [
    sharedBound,
    [
      "packages/core/test/Limiter.sweep.test.ts",
      "gives every permit back: permit lost between taking and installing the release (Effect#6081, #6910, #8391)"
    ]
  ],
  "anyio#1170": [
    sharedBound,
    executorBound,
    ["packages/core/test/Limiter.sweep.test.ts", "never exceeds the limit between release and wake (anyio#1170: over-granting)"]
  ],
  "anyio#1145": [
    sharedBound,
    [
      "packages/core/test/Limiter.sweep.test.ts",
      "takes a cancelled waiter out of the queue, so that later releases wake the others (anyio#1145, cockatiel#112, piscina#805)"
    ]
  ],
  "effectionx#260": [
    [
      "packages/core/test/TaskGroup.make.test.ts",
      "never runs queued work after the close (effectionx#260), and lets no spawner wait (p-limit#25)"
    ],
    [nesting, "what was queued when a group ended never runs"],
    afterExecutorClose
  ],
  "ZIO#3970": [throwingMapper, ["packages/parallel/test/parallelMap.test.ts", "fails the item whose mapper throws, with what it threw"]],
  "ZIO#4253": [unmasked, ["packages/core/test/TaskGroup.test.ts", "ends its loops inside a region that cannot be interrupted (ZIO#4253)"]],
  "p-map#76": [
    bounded,
    streamBound,
    ["packages/core/test/Limiter.sweep.test.ts", "keeps the limit when the fibers that ask are pulled from an async source (p-map#76)"],
    lazily
  ],
  "p-map#42": [clearDecision, failsFast],
  "p-limit#25": [
    closingWaits,
    afterExecutorClose,
    ["packages/core/test/Limiter.sweep.test.ts", "leaves nobody waiting when all waiters are cleared away by their owner (p-limit#25)"],
    ["packages/core/test/TaskGroup.handle.test.ts", "frees the one who waits for the place of the task it takes out (p-limit#25)"]
  ],
  "kotlinx#1374": [partialKept, ["packages/core/test/Deadline.test.ts", "is not swallowed by what catches the inner one (kotlinx#1374)"]],
  "kotlinx#67": [whichLimit, ["packages/core/test/Deadline.test.ts", "is never reported as the other (kotlinx#67)"]],
  "trio#1457": [
    noOutlivingInterrupted,
    onceEach,
    ["packages/core/test/TaskGroup.test.ts", "hands the interruption on when parent and child are cancelled in one tick (trio#1457)"]
  ],
  "anyio#1111": [noSpin, ["packages/core/test/Limiter.sweep.test.ts", "does not spin while somebody waits (anyio#1111)"]],
  "p-some#5": [outOfReach, ["packages/parallel/test/Joiner.test.ts", "fails with every cause as soon as n values can no longer come"]],
  "race of nothing": [nothingToJoin, nothingGiven, ["packages/parallel/test/Joiner.test.ts", "fails at once for no input"]]
}
