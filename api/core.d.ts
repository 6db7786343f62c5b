// The public declarations of @skein/core, made by `pnpm api`. Not edited by hand.

// ---- @skein/core -----------------------------------------------------------------------------------------

export * as Deadline from "./Deadline.ts";
export * as GatherResult from "./GatherResult.ts";
export * as Limiter from "./Limiter.ts";
export * as Outcome from "./Outcome.ts";
export * as Progress from "./Progress.ts";
export * as Settings from "./Settings.ts";
export * as TaskGroup from "./TaskGroup.ts";
export * as TaskPump from "./TaskPump.ts";

// ---- @skein/core/Deadline --------------------------------------------------------------------------------

import * as Cause from "effect/Cause";
import * as Context from "effect/Context";
import * as Duration from "effect/Duration";
import * as Effect from "effect/Effect";
import type * as Fiber from "effect/Fiber";
import * as Option from "effect/Option";
import type { Report } from "./Progress.ts";
declare const DeadlineExceeded_base: new <A extends Record<string, any> = {}>(args: import("effect/Types").VoidIfEmpty<{ readonly [P in keyof A as P extends "_tag" ? never : P]: A[P]; }>) => Cause.YieldableError & {
    readonly _tag: "DeadlineExceeded";
} & Readonly<A>;
export declare class DeadlineExceeded extends DeadlineExceeded_base<{
    readonly after: Duration.Duration;
    readonly at: number;
    readonly cause: Cause.Cause<unknown>;
}> {
    get message(): string;
}
export declare const within: {
    (duration: Duration.Input): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | DeadlineExceeded, R>;
    <A, E, R>(self: Effect.Effect<A, E, R>, duration: Duration.Input): Effect.Effect<A, E | DeadlineExceeded, R>;
};
export interface Deadline {
    readonly at: number;
}
export declare const current: Effect.Effect<Option.Option<Deadline>>;
export declare const remaining: Effect.Effect<Option.Option<Duration.Duration>>;
export declare const extend: (by: Duration.Input) => Effect.Effect<Option.Option<Duration.Duration>>;
export interface Inheritance {
    readonly name?: string | undefined;
    readonly remaining?: number | undefined;
    readonly onProgress?: ((report: Report) => void) | undefined;
    readonly onExtend?: ((by: number) => void) | undefined;
    readonly onAnswering?: ((answering: boolean) => void) | undefined;
    readonly onOpen?: ((hold: Hold) => void) | undefined;
}
export interface Hold {
    readonly moved: (remaining: number) => void;
    readonly reached: () => void;
}
export interface Inherited {
    readonly context: Context.Context<never>;
    readonly end: () => void;
}
export declare const inherit: (context: Context.Context<never>, inheritance: Inheritance) => Inherited;
export declare const interrupt: (fiber: Fiber.Fiber<unknown, unknown>) => void;
export interface Follower {
    readonly onMoved: (remaining: number) => void;
    readonly onReached: () => void;
}
export interface Following {
    readonly answering: (answering: boolean) => void;
    readonly extend: (by: number) => void;
    readonly end: () => void;
}
export declare const outlook: (fiber: Fiber.Fiber<unknown, unknown>) => {
    readonly name: string | undefined;
    readonly remaining: number;
};
export declare const follow: (fiber: Fiber.Fiber<unknown, unknown>, follower: Follower) => Following;
export declare const waits: (fiber: Fiber.Fiber<unknown, unknown>) => ((waiting: boolean) => void) | undefined;
export {};

// ---- @skein/core/GatherResult ----------------------------------------------------------------------------

import * as Cause from "effect/Cause";
import * as Duration from "effect/Duration";
import * as Effect from "effect/Effect";
import type * as Exit from "effect/Exit";
import * as Outcome from "./Outcome.ts";
export interface GatherResult<out A, out E = never, out Outcomes = ReadonlyArray<Outcome.Outcome<A, E>>> {
    readonly outcomes: Outcomes;
    readonly total: number;
    readonly completed: number;
    readonly failed: number;
    readonly timedOut: number;
    readonly cancelled: number;
    readonly notStarted: number;
    readonly elapsed: Duration.Duration;
    readonly allSucceeded: boolean;
    readonly successRate: number;
    readonly exhausted: boolean;
    readonly stopped: Outcome.Reason | undefined;
    readonly abandoned: ReadonlyArray<Abandoned<A, E>>;
    readonly list: ReadonlyArray<Outcome.Outcome<A, E>>;
}
export interface Abandoned<out A, out E = never> {
    readonly index: number;
    readonly name: string | undefined;
    readonly await: Effect.Effect<Exit.Exit<A, E>>;
}
export interface TaskError<out E> {
    readonly index: number;
    readonly name: string | undefined;
    readonly cause: Cause.Cause<E>;
}
export type Values<Outcomes> = {
    readonly [K in keyof Outcomes]: Outcomes[K] extends Outcome.Outcome<infer A, infer _E> ? A : never;
};
declare const GatherIncomplete_base: new <A_1 extends Record<string, any> = {}>(args: import("effect/Types").VoidIfEmpty<{ readonly [P in keyof A_1 as P extends "_tag" ? never : P]: A_1[P]; }>) => Cause.YieldableError & {
    readonly _tag: "GatherIncomplete";
} & Readonly<A_1>;
export declare class GatherIncomplete<A, E> extends GatherIncomplete_base<{
    readonly result: GatherResult<A, E, unknown>;
}> {
    get message(): string;
}
export declare const make: {
    <A, E = never>(list: ReadonlyArray<Outcome.Outcome<A, E>>, options?: MakeOptions<A, E>): GatherResult<A, E>;
    <A, E, Outcomes>(list: ReadonlyArray<Outcome.Outcome<A, E>>, options: MakeOptions<A, E> & {
        readonly shape: Outcomes;
    }): GatherResult<A, E, Outcomes>;
};
export interface MakeOptions<A, E> {
    readonly elapsed?: Duration.Duration | undefined;
    readonly exhausted?: boolean | undefined;
    readonly stopped?: Outcome.Reason | undefined;
    readonly abandoned?: ReadonlyArray<Abandoned<A, E>> | undefined;
}
export declare const values: <A, E>(self: GatherResult<A, E, unknown>) => Array<A>;
export declare const errors: <A, E>(self: GatherResult<A, E, unknown>) => Array<TaskError<E>>;
export declare const toEffect: <A, E, Outcomes>(self: GatherResult<A, E, Outcomes>) => Effect.Effect<Values<Outcomes>, GatherIncomplete<A, E>>;
export declare const annotateCause: <E>(cause: Cause.Cause<E>, result: GatherResult<unknown, unknown, unknown>) => Cause.Cause<E>;
export declare const fromCause: <E>(cause: Cause.Cause<E>) => GatherResult<unknown, unknown> | undefined;
export declare const firstError: <E>(cause: Cause.Cause<E>) => Cause.Cause<E>;
export declare const summarize: (self: GatherResult<unknown, unknown, unknown>) => string;
export {};

// ---- @skein/core/Limiter ---------------------------------------------------------------------------------

import * as Duration from "effect/Duration";
import * as Effect from "effect/Effect";
import type * as Fiber from "effect/Fiber";
import { type Node } from "./internal/lineage.ts";
export type Priority = "high" | "normal" | "low";
export interface Options<F extends "wait" | "reject" = "wait" | "reject", T extends Duration.Input | undefined = Duration.Input | undefined> {
    readonly permits: number;
    readonly name?: string | undefined;
    readonly queue?: {
        readonly max?: number | undefined;
        readonly onFull?: F | undefined;
        readonly timeout?: T | undefined;
    } | undefined;
}
export interface PermitOptions {
    readonly priority?: Priority | undefined;
    readonly name?: string | undefined;
}
export interface Stats {
    readonly permits: number;
    readonly running: number;
    readonly waiting: number;
    readonly peak: number;
    readonly abandoned: number;
    readonly paused: boolean;
    readonly holders: ReadonlyArray<Holder>;
}
export interface Holder {
    readonly name: string;
    readonly permits: number;
    readonly borrowed: boolean;
}
export interface Limiter<out E = never> {
    readonly name: string | undefined;
    readonly withPermit: <A, E2, R>(self: Effect.Effect<A, E2, R>, options?: PermitOptions) => Effect.Effect<A, E | E2, R>;
    readonly withPermits: (permits: number, options?: PermitOptions) => <A, E2, R>(self: Effect.Effect<A, E2, R>) => Effect.Effect<A, E | E2, R>;
    readonly resize: (permits: number) => Effect.Effect<void>;
    readonly pause: Effect.Effect<void>;
    readonly resume: Effect.Effect<void>;
    readonly stats: Effect.Effect<Stats>;
}
declare const QueueFull_base: new <A extends Record<string, any> = {}>(args: import("effect/Types").VoidIfEmpty<{ readonly [P in keyof A as P extends "_tag" ? never : P]: A[P]; }>) => import("effect/Cause").YieldableError & {
    readonly _tag: "QueueFull";
} & Readonly<A>;
export declare class QueueFull extends QueueFull_base<{
    readonly message: string;
    readonly limiter: string | undefined;
    readonly max: number;
}> {
}
declare const QueueTimeout_base: new <A extends Record<string, any> = {}>(args: import("effect/Types").VoidIfEmpty<{ readonly [P in keyof A as P extends "_tag" ? never : P]: A[P]; }>) => import("effect/Cause").YieldableError & {
    readonly _tag: "QueueTimeout";
} & Readonly<A>;
export declare class QueueTimeout extends QueueTimeout_base<{
    readonly message: string;
    readonly limiter: string | undefined;
    readonly after: Duration.Duration;
}> {
}
declare const LimiterError_base: new <A extends Record<string, any> = {}>(args: import("effect/Types").VoidIfEmpty<{ readonly [P in keyof A as P extends "_tag" ? never : P]: A[P]; }>) => import("effect/Cause").YieldableError & {
    readonly _tag: "LimiterError";
} & Readonly<A>;
export declare class LimiterError extends LimiterError_base<{
    readonly message: string;
    readonly reason: QueueFull | QueueTimeout;
}> {
}
export declare class LimiterCycle extends Error {
    readonly name = "LimiterCycle";
}
export declare const make: <const F extends "wait" | "reject" = "wait", T extends Duration.Input | undefined = undefined>(options: Options<F, T>) => Effect.Effect<Limiter<ErrorOf<F, T>>>;
export declare const makeUnsafe: <const F extends "wait" | "reject" = "wait", T extends Duration.Input | undefined = undefined>(options: Options<F, T>) => Limiter<ErrorOf<F, T>>;
export type ErrorOf<F extends "wait" | "reject", T extends Duration.Input | undefined> = ("reject" extends F ? LimiterError : never) | ([T] extends [undefined] ? never : LimiterError);
export interface Ticket {
    readonly state: "waiting" | "granted" | "refused" | "released" | "idle";
    readonly error: unknown;
    readonly assign: (fiber: Fiber.Fiber<unknown, unknown>) => void;
    readonly abandon: () => void;
    readonly release: () => void;
}
export declare const request: (limiter: Limiter<unknown>, fiber: Fiber.Fiber<unknown, unknown>, options: {
    readonly permits?: number | undefined;
    readonly priority?: Priority | undefined;
    readonly name?: string | undefined;
    readonly lineage?: Node | undefined;
    readonly onSettled: (ticket: Ticket) => void;
}) => Ticket;
export {};

// ---- @skein/core/Outcome ---------------------------------------------------------------------------------

import type * as Cause from "effect/Cause";
import * as Context from "effect/Context";
import * as Duration from "effect/Duration";
export type Outcome<A, E = never> = Completed<A> | Failed<E> | TimedOut<E> | Cancelled<E> | NotStarted;
export type Status = "completed" | "failed" | "timeout" | "cancelled" | "notStarted";
export type Limit = "task" | "attempt" | "queue" | "call" | "deadline";
export interface Reason {
    readonly _tag: "SiblingFailed" | "CallerInterrupted" | "CallTimeout" | "TaskTimeout" | "DeadlineReached" | "QueueTimeout" | "Requested" | "Aborted" | "Stopped" | "SourceFailed" | "Decided" | "Closed" | "ExecutorClosed" | "Interrupted";
    readonly index?: number | undefined;
    readonly name?: string | undefined;
    readonly at?: number | undefined;
    readonly after?: Duration.Duration | undefined;
    readonly value?: unknown;
    readonly because?: Reason | undefined;
}
export interface Info {
    readonly index: number;
    readonly name?: string | undefined;
    readonly attempts: number;
    readonly attemptCauses?: ReadonlyArray<Cause.Cause<unknown>> | undefined;
    readonly queuedAt?: number | undefined;
    readonly startedAt?: number | undefined;
    readonly endedAt?: number | undefined;
    readonly abandoned?: boolean | undefined;
    readonly stamp?: Stamp | undefined;
}
export interface Stamp {
    readonly origin: {
        readonly at: number;
    };
    readonly queued: number;
    readonly started: number;
    readonly ended: number;
}
declare abstract class Base {
    readonly index: number;
    readonly name: string | undefined;
    private readonly origin;
    private readonly queued;
    private readonly started;
    private readonly ended;
    private readonly rare;
    constructor(info: Info);
    get attempts(): number;
    get attemptCauses(): ReadonlyArray<Cause.Cause<unknown>>;
    get abandoned(): boolean;
    get queuedAt(): number | undefined;
    get startedAt(): number | undefined;
    get endedAt(): number | undefined;
    get queuedFor(): Duration.Duration | undefined;
    get ranFor(): Duration.Duration | undefined;
    toJSON(): object;
}
export declare class Completed<out A> extends Base {
    readonly _tag = "Completed";
    readonly value: A;
    readonly late: boolean;
    constructor(info: Info, value: A, late: boolean);
    get status(): "completed";
}
export declare class Failed<out E> extends Base {
    readonly _tag = "Failed";
    readonly cause: Cause.Cause<E>;
    constructor(info: Info, cause: Cause.Cause<E>);
    get status(): "failed";
}
export declare class TimedOut<out E> extends Base {
    readonly _tag = "TimedOut";
    readonly limit: Limit;
    readonly after: Duration.Duration;
    readonly cause: Cause.Cause<E>;
    constructor(info: Info, limit: Limit, after: Duration.Duration, cause: Cause.Cause<E>);
    get status(): "timeout";
}
export declare class Cancelled<out E> extends Base {
    readonly _tag = "Cancelled";
    readonly reason: Reason;
    readonly cause: Cause.Cause<E>;
    constructor(info: Info, reason: Reason, cause: Cause.Cause<E>);
    get status(): "cancelled";
}
export declare class NotStarted extends Base {
    readonly _tag = "NotStarted";
    readonly reason: Reason;
    constructor(info: Info, reason: Reason);
    get status(): "notStarted";
}
export declare const match: <A, E, B>(self: Outcome<A, E>, cases: {
    readonly onCompleted: (outcome: Completed<A>) => B;
    readonly onFailed: (outcome: Failed<E>) => B;
    readonly onTimedOut: (outcome: TimedOut<E>) => B;
    readonly onCancelled: (outcome: Cancelled<E>) => B;
    readonly onNotStarted: (outcome: NotStarted) => B;
}) => B;
export declare const isCompleted: <A, E>(self: Outcome<A, E>) => self is Completed<A>;
export declare const cause: <A, E>(self: Outcome<A, E>) => Cause.Cause<E> | undefined;
export declare const annotations: (reason: Reason) => Context.Context<never>;
export declare const reasonFromCause: (cause: Cause.Cause<unknown>) => Reason | undefined;
export declare const formatReason: (reason: Reason) => string;
export {};

// ---- @skein/core/Progress --------------------------------------------------------------------------------

import * as Effect from "effect/Effect";
export interface Report {
    readonly done?: number | undefined;
    readonly total?: number | undefined;
    readonly message?: string | undefined;
}
export interface Progress extends Report {
    readonly index: number;
    readonly name: string | undefined;
}
export declare const report: (report: Report) => Effect.Effect<void>;

// ---- @skein/core/Settings --------------------------------------------------------------------------------

import * as Duration from "effect/Duration";
import type * as Schedule from "effect/Schedule";
import { type RetryPolicy } from "./internal/retry.ts";
export { decide as decideRetry } from "./internal/retry.ts";
declare const AttemptTimedOut_base: new <A extends Record<string, any> = {}>(args: import("effect/Types").VoidIfEmpty<{ readonly [P in keyof A as P extends "_tag" ? never : P]: A[P]; }>) => import("effect/Cause").YieldableError & {
    readonly _tag: "AttemptTimedOut";
} & Readonly<A>;
export declare class AttemptTimedOut extends AttemptTimedOut_base<{
    readonly after: Duration.Duration;
}> {
    get message(): string;
}
export interface Settings {
    readonly name: string | undefined;
    readonly span: string | undefined;
    readonly metrics: string | undefined;
    readonly concurrency: number;
    readonly timeout: number;
    readonly taskTimeout: number;
    readonly attemptTimeout: number;
    readonly queueTimeout: number;
    readonly grace: number;
    readonly retry: RetryPolicy | undefined;
}
export declare const read: (where: string, options: unknown, own: ReadonlyArray<string>) => Settings;
export declare const mustBe: (where: string, option: string, expected: string, got: unknown) => RangeError;
export declare const oneOf: <const W extends string>(where: string, option: string, value: unknown, words: readonly [W, ...ReadonlyArray<W>]) => W;
export declare const whole: (where: string, option: string, value: unknown, minimum?: number) => number;
export declare const number: (where: string, option: string, value: unknown, expected: string, ok: (value: number) => boolean) => number;
export declare const millis: (where: string, option: string, value: unknown) => number;
export declare const positiveMillis: (where: string, option: string, value: unknown) => number;
export declare const text: (where: string, option: string, value: unknown) => string | undefined;
export declare const known: (where: string, options: unknown, names: ReadonlyArray<string>) => void;
export type RetryOptions<E> = Schedule.Schedule<unknown, E | AttemptTimedOut> | {
    readonly times?: number | undefined;
    readonly schedule?: Schedule.Schedule<unknown, E | AttemptTimedOut> | undefined;
    readonly while?: ((error: E | AttemptTimedOut) => boolean) | undefined;
    readonly needs?: Duration.Input | undefined;
};

// ---- @skein/core/TaskGroup -------------------------------------------------------------------------------

import type * as Duration from "effect/Duration";
import * as Effect from "effect/Effect";
import type * as Option from "effect/Option";
import * as Scope from "effect/Scope";
import type { DeadlineExceeded } from "./Deadline.ts";
import type * as GatherResult from "./GatherResult.ts";
import type { Dump } from "./internal/dump.ts";
import type { TaskNotCompleted } from "./internal/groupTask.ts";
import type * as Outcome from "./Outcome.ts";
import type { Progress } from "./Progress.ts";
export type { Dump, DumpTask } from "./internal/dump.ts";
export type OnFailure = "interrupt" | "collect" | "isolate";
export type Priority = "high" | "normal" | "low";
export interface Options<F extends OnFailure = OnFailure, T extends Duration.Input | undefined = Duration.Input | undefined> {
    readonly onFailure?: F | undefined;
    readonly concurrency?: number | "unbounded" | undefined;
    readonly timeout?: T;
    readonly taskTimeout?: Duration.Input | undefined;
    readonly queueTimeout?: Duration.Input | undefined;
    readonly grace?: Duration.Input | undefined;
    readonly outcomes?: "keep" | "drop" | undefined;
    readonly name?: string | undefined;
    readonly span?: string | undefined;
    readonly metrics?: string | undefined;
    readonly onOutcome?: ((outcome: Outcome.Outcome<unknown, unknown>) => void) | undefined;
    readonly onProgress?: ((progress: Progress) => void) | undefined;
}
export interface SpawnOptions {
    readonly name?: string | undefined;
    readonly timeout?: Duration.Input | undefined;
    readonly priority?: Priority | undefined;
}
export interface TaskGroup<in out E> {
    readonly name: string | undefined;
    readonly spawn: <A, E1 extends E, R>(effect: Effect.Effect<A, E1, R>, options?: SpawnOptions) => Effect.Effect<Handle<A, E1>, never, R>;
    readonly join: Effect.Effect<void, E>;
    readonly cancel: (reason?: unknown) => Effect.Effect<void>;
    readonly next: Effect.Effect<Option.Option<Outcome.Outcome<unknown, E>>>;
    readonly result: Effect.Effect<GatherResult.GatherResult<unknown, E>>;
    readonly stats: Effect.Effect<Stats>;
    readonly dump: Effect.Effect<Dump>;
}
export interface IsolatedGroup extends Omit<TaskGroup<unknown>, "spawn" | "join"> {
    readonly spawn: <A, E, R>(effect: Effect.Effect<A, E, R>, options?: SpawnOptions) => Effect.Effect<Handle<A, E>, never, R>;
    readonly join: Effect.Effect<void>;
}
export interface Stats {
    readonly queued: number;
    readonly running: number;
    readonly completed: number;
    readonly failed: number;
    readonly timedOut: number;
    readonly cancelled: number;
    readonly notStarted: number;
    readonly abandoned: number;
}
export interface Handle<out A, out E> {
    readonly index: number;
    readonly name: string | undefined;
    readonly status: Outcome.Status | "pending" | "running";
    readonly await: Effect.Effect<Outcome.Outcome<A, E>>;
    readonly join: Effect.Effect<A, E | TaskNotCompleted>;
    readonly cancel: (reason?: unknown) => Effect.Effect<Outcome.Outcome<A, E>>;
}
export { 
TaskNotCompleted } from "./internal/groupTask.ts";
export declare const run: {
    <A, E2, R, T extends Duration.Input | undefined = undefined>(options: Options<"isolate", T> & {
        readonly onFailure: "isolate";
    }, body: (group: IsolatedGroup) => Effect.Effect<A, E2, R>): Effect.Effect<A, E2 | TimeoutOf<T>, R>;
    <A, E2, R, E = never, T extends Duration.Input | undefined = undefined>(options: Options<"interrupt" | "collect", T>, body: (group: TaskGroup<E>) => Effect.Effect<A, E2, R>): Effect.Effect<A, E | E2 | TimeoutOf<T>, R>;
};
export type TimeoutOf<T> = [T] extends [undefined] ? never : DeadlineExceeded;
export declare const make: {
    (options: Options<"isolate", Duration.Input | undefined> & {
        readonly onFailure: "isolate";
    }): Effect.Effect<IsolatedGroup, never, Scope.Scope>;
    <E = never>(options?: Options<"interrupt" | "collect", Duration.Input | undefined>): Effect.Effect<TaskGroup<E>, never, Scope.Scope>;
};
export { 
format } from "./internal/dump.ts";

// ---- @skein/core/TaskGroupStream -------------------------------------------------------------------------

import * as Stream from "effect/Stream";
import type * as Outcome from "./Outcome.ts";
import type { TaskGroup } from "./TaskGroup.ts";
export declare const outcomes: <E>(group: Pick<TaskGroup<E>, "next">) => Stream.Stream<Outcome.Outcome<unknown, E>>;

// ---- @skein/core/TaskPump --------------------------------------------------------------------------------

import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import type * as Fiber from "effect/Fiber";
import { type Now } from "./internal/clock.ts";
import { type Dump } from "./internal/dump.ts";
import * as lineage from "./internal/lineage.ts";
import { Runner } from "./internal/runner.ts";
import { Again, type Cut, type FailedAttempt, Task } from "./internal/task.ts";
import { type Recorder } from "./internal/telemetry.ts";
import { type Timers } from "./internal/timers.ts";
import * as Outcome from "./Outcome.ts";
import type { Progress } from "./Progress.ts";
import { type Settings } from "./Settings.ts";
export { awaitEnd, type Cut, Task } from "./internal/task.ts";
export declare abstract class TaskPump<A, E> implements lineage.Answerer {
    readonly settings: Settings;
    readonly owner: Fiber.Fiber<unknown, unknown>;
    readonly now: Now;
    readonly timers: Timers;
    readonly node: lineage.CallNode;
    readonly startedAt: number;
    running: number;
    abandoned: number;
    stopped: Cut | undefined;
    instant: number;
    readonly hasTaskLimits: boolean;
    readonly runners: Set<Runner<A, E>>;
    readonly baseContext: Context.Context<never>;
    private readonly ready;
    private readonly backingOff;
    private readonly returning;
    private readonly scratch;
    private stopping;
    private stopAgain;
    private filling;
    private refill;
    private idle;
    private slowEntry;
    protected readonly record: Recorder | undefined;
    private readonly limits;
    constructor(owner: Fiber.Fiber<unknown, unknown>, settings: Settings, onProgress?: (progress: Progress) => void);
    protected abstract pull(spare: Task<A, E> | undefined): Task<A, E> | undefined;
    protected abstract hasNext(): boolean;
    abstract effectOf(task: Task<A, E>): Effect.Effect<A, E>;
    protected abstract onSettled(task: Task<A, E>, outcome: Outcome.Outcome<A, E>): void;
    protected abstract onIdle(): void;
    protected tasksHaveNodes: boolean;
    protected around: ((attempt: Effect.Effect<A, E>, task: Task<A, E>) => Effect.Effect<A, E>) | undefined;
    protected open(): void;
    protected close(): void;
    protected answered(): void;
    onDeadline(node: lineage.LimitNode): void;
    protected ownerWaits(what: string): () => void;
    because(): Outcome.Reason | undefined;
    stop(cut: Cut, hold: boolean): void;
    onCut(_task: Task<A, E>): void;
    private stopWaiting;
    protected onStop(_cut: Cut): void;
    private giveUp;
    private stoppedOutcome;
    notStarted(task: Task<A, E>, cut: Cut, ended?: number): Outcome.Outcome<A, E>;
    private settle;
    fill(): void;
    busy(): boolean;
    protected observe<X>(option: string, observer: (value: X) => void, value: X): void;
    dump(): Dump;
    queued(): Iterable<Task<A, E>>;
    waitingToRetry(): Iterable<Task<A, E>>;
    private startRunner;
    protected startAtOnce(task: Task<A, E>): boolean;
    private runOne;
    private onRunnerEnd;
    private overdue;
    take(runner: Runner<A, E>): Task<A, E> | undefined;
    attemptOf(runner: Runner<A, E>, task: Task<A, E>): Effect.Effect<A, E>;
    attempt(runner: Runner<A, E>, task: Task<A, E>): Effect.Effect<A, E>;
    decide(task: Task<A, E>, failed: FailedAttempt): Effect.Effect<Again | Exit.Exit<never, E>>;
    taskLimit(task: Task<A, E>): number;
    taskLength(task: Task<A, E>): number;
    toldLength(task: Task<A, E>, node: lineage.TaskNode | undefined): number;
    micros(): number;
    instantOf(micros: number): number;
    completed(runner: Runner<A, E>, task: Task<A, E>, value: A): void;
    failed(runner: Runner<A, E>, task: Task<A, E>, exit: Exit.Failure<A, E>): void;
    private mayRetry;
    private failure;
    private reallyEnded;
    decided(runner: Runner<A, E>, task: Task<A, E>, failed: FailedAttempt, decision: Again | Exit.Exit<never, E>): void;
    private backOff;
    abandon(task: Task<A, E>): void;
    protected onAbandoned(_task: Task<A, E>): void;
    lendPlace(task: Task<A, E>): void;
    takePlace(task: Task<A, E>, resume: () => void): () => void;
    warnSlow(runners: ReadonlyArray<Runner<A, E>>): void;
}

// ---- @skein/core/testing/Simulator -----------------------------------------------------------------------

import type { CheckOptions, Exploration, ManyOptions, Program, Run, RunOptions, Sweep, SweepOptions } from "./internal/model.ts";
export { SimulationError } from "./internal/finding.ts";
export type { CheckOptions, Exploration, FiberReport, ManyOptions, Program, Run, RunOptions, SharedOptions, Sweep, SweepOptions, Verdict } from "./internal/model.ts";
export declare const run: <A, E>(program: Program<A, E>, options?: RunOptions) => Promise<Run<A, E>>;
export declare const runSync: <A, E>(program: Program<A, E>, options?: RunOptions) => Run<A, E>;
export declare const check: <A, E>(program: Program<A, E>, options?: CheckOptions<A, E>) => Promise<Exploration>;
export declare const explore: <A, E>(program: Program<A, E>, options?: ManyOptions<A, E>) => Promise<Exploration>;
export declare const sweep: <A, E>(program: Program<A, E>, options?: SweepOptions<A, E>) => Promise<Sweep>;

// ---- @skein/core/testing ---------------------------------------------------------------------------------

export * as Simulator from "./Simulator.ts";
