// The public declarations of @skein/engine, made by `pnpm api`. Not edited by hand.

// ---- @skein/engine ---------------------------------------------------------------------------------------

export * as Condition from "./Condition.ts";
export * as Engine from "./Engine.ts";
export * as Graph from "./Graph.ts";
export * as Job from "./Job.ts";
export * as JobOutput from "./JobOutput.ts";
export * as JobSchedule from "./JobSchedule.ts";
export * as JobStore from "./JobStore.ts";
export * as Launcher from "./Launcher.ts";
export * as Sentinel from "./Sentinel.ts";
export * as StoredJob from "./StoredJob.ts";

// ---- @skein/engine/CommandJob ----------------------------------------------------------------------------

import * as Command from "@skein/node/Command";
import type * as Job from "./Job.ts";
export type Text = string | Job.ResultOf<string | number | Command.Output>;
export type Argument = Command.Word | Text | number | Job.ResultOf<ReadonlyArray<string | number>>;
export interface Parts {
    readonly program: Text;
    readonly args?: ReadonlyArray<Argument> | undefined;
    readonly options?: PartOptions | undefined;
}
export interface PartOptions extends Omit<Command.Options, "env" | "stdin"> {
    readonly env?: Readonly<Record<string, Text | undefined>> | undefined;
    readonly stdin?: Command.Stdin | {
        readonly text: Text;
    } | undefined;
}
export interface Options extends Job.Options<Command.CommandError> {
    readonly workingDirectory?: "job" | "inherit" | (string & {}) | undefined;
}
export declare const make: (name: string, command: Command.Command | Parts, options?: Options) => Job.Job<Command.Output, Command.CommandError>;

// ---- @skein/engine/Condition -----------------------------------------------------------------------------

import type * as Cron_ from "effect/Cron";
import * as DateTime from "effect/DateTime";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import type * as Schema from "effect/Schema";
import * as Stream from "effect/Stream";
import * as SubscriptionRef from "effect/SubscriptionRef";
import { ConditionError } from "./internal/condition/error.ts";
import type * as model from "./internal/condition/model.ts";
import { type Satisfiable } from "./internal/condition/satisfiable.ts";
export { ConditionError, Failed, NeverHolds } from "./internal/condition/error.ts";
export type { After, All, Always, Any, Before, Condition, Cron, CronOptions, Custom, CustomOptions, Never, Not, Overlap, Ref, RefOptions, Weekday, Weekdays, WeekdaysOptions, Window, WindowOptions } from "./internal/condition/model.ts";
export type { Satisfiable } from "./internal/condition/satisfiable.ts";
export type Data = model.Data;
export declare const Data: Schema.Codec<Data>;
export declare const always: model.Always;
export declare const never: model.Never;
export declare const after: (instant: DateTime.DateTime.Input) => model.After;
export declare const before: (instant: DateTime.DateTime.Input) => model.Before;
export declare const window: (options: model.WindowOptions) => model.Window;
export declare const weekdays: (days: model.Weekdays, options?: model.WeekdaysOptions) => model.Window;
export declare const cron: (expression: string | Cron_.Cron, options: model.CronOptions) => model.Cron;
export declare const all: <C extends ReadonlyArray<model.Condition>>(...conditions: C) => model.All<C[number]>;
export declare const any: <C extends ReadonlyArray<model.Condition>>(...conditions: C) => model.Any<C[number]>;
export declare const not: <C extends model.Condition>(condition: C) => model.Not<C>;
export declare const ref: <A>(ref: SubscriptionRef.SubscriptionRef<A>, predicate: (value: A) => boolean, options?: model.RefOptions) => model.Ref;
export declare const make: (options: model.CustomOptions) => model.Custom;
export declare const isData: (condition: model.Condition) => condition is Data;
export declare const holds: (condition: Data, now: DateTime.DateTime.Input) => boolean;
export declare const nextChange: (condition: Data, now: DateTime.DateTime.Input) => Option.Option<DateTime.Utc>;
export declare const satisfiable: (condition: model.Condition, now: DateTime.DateTime.Input) => Satisfiable;
export declare const describe: (condition: model.Condition) => string;
declare const await_: (condition: model.Condition) => Effect.Effect<void, ConditionError>;
export { await_ as await };
export declare const changes: (condition: model.Condition) => Stream.Stream<boolean, ConditionError>;

// ---- @skein/engine/Engine --------------------------------------------------------------------------------

import type * as Task from "@skein/parallel/Task";
import * as Context from "effect/Context";
import type * as DateTime from "effect/DateTime";
import type * as Duration from "effect/Duration";
import type * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type * as Option from "effect/Option";
import type * as Scope from "effect/Scope";
import type * as Graph from "./Graph.ts";
import type { StateNotReached, SubmitError } from "./internal/errors.ts";
import type * as Job from "./Job.ts";
import type { JobStore, Json, StoreError } from "./JobStore.ts";
export interface Options {
    readonly limits?: Limits | undefined;
    readonly onClose?: "interrupt" | "finish" | "drain" | undefined;
    readonly grace?: Duration.Input | undefined;
    readonly retention?: number | undefined;
    readonly name?: string | undefined;
    readonly flavours?: Readonly<Record<string, Layer.Layer<never>>> | undefined;
    readonly store?: JobStore | undefined;
    readonly tasks?: ReadonlyArray<Task.Task<never, unknown, unknown>> | undefined;
    readonly directory?: string | undefined;
    readonly outputTail?: number | undefined;
    readonly onChange?: ((run: Job.Run) => void) | undefined;
    readonly onProgress?: ((run: Job.Run) => void) | undefined;
}
export type Limits = Readonly<Record<string, number | "unbounded">>;
export interface Filter {
    readonly name?: string | undefined;
    readonly state?: StateWord | ReadonlyArray<StateWord> | undefined;
    readonly labels?: Readonly<Record<string, string>> | undefined;
    readonly key?: string | undefined;
    readonly submitted?: Range | undefined;
    readonly ended?: Range | undefined;
}
export interface Range {
    readonly from?: DateTime.DateTime.Input | undefined;
    readonly to?: DateTime.DateTime.Input | undefined;
}
export type StateWord = "waiting" | "running" | "ended" | Job.EndWord;
export interface Engine {
    readonly name: string | undefined;
    readonly submit: <A, E, R>(job: Job.Job<A, E, R>) => Effect.Effect<Job.Handle<A, E>, SubmitError, R>;
    readonly submitAll: <const Jobs extends ReadonlyArray<Job.Job<unknown, unknown, unknown>> | Readonly<Record<string, Job.Job<unknown, unknown, unknown>>>>(jobs: Jobs) => Effect.Effect<HandlesOf<Jobs>, SubmitError, ServicesOf<Jobs[keyof Jobs]>>;
    readonly get: (id: string) => Effect.Effect<Option.Option<Job.Handle<unknown, unknown>>>;
    readonly list: (filter?: Filter) => Effect.Effect<ReadonlyArray<Job.Run>>;
    readonly cancel: (which: string | Filter, reason?: unknown) => Effect.Effect<number>;
    readonly rerun: <A = unknown, E = unknown>(which: Job.Handle<A, E> | string) => Effect.Effect<Job.Handle<A, E>, SubmitError>;
    readonly prune: (filter?: Filter) => Effect.Effect<number, StoreError>;
    readonly interrupt: Effect.Effect<void>;
    readonly resize: (limits: Limits) => Effect.Effect<void>;
    readonly stats: Effect.Effect<Stats>;
    readonly memory: (name: string) => Memory;
    readonly awaitIdle: Effect.Effect<void>;
    readonly awaitFailure: Effect.Effect<StoreError>;
    readonly awaitClosed: Effect.Effect<void>;
    readonly awaitState: (which: Job.Handle<unknown, unknown> | string, state: StateWord, options?: {
        readonly within?: Duration.Input | undefined;
    }) => Effect.Effect<Job.Run, StateNotReached>;
    readonly graph: Effect.Effect<Graph.Graph>;
    readonly dump: Effect.Effect<Dump>;
    readonly subscribe: (listener: (run: Job.Run) => void) => () => void;
}
export interface Memory {
    readonly load: Effect.Effect<Json | undefined>;
    readonly save: (value: Json | undefined) => Effect.Effect<void, StoreError>;
}
export type HandlesOf<Jobs> = {
    readonly [K in keyof Jobs]: Jobs[K] extends Job.Job<infer A, infer E, infer _R> ? Job.Handle<A, E> : never;
};
export type ServicesOf<J> = J extends Job.Job<infer _A, infer _E, infer R> ? R : never;
export interface Stats {
    readonly waiting: {
        readonly upstream: number;
        readonly condition: number;
        readonly limit: number;
        readonly retry: number;
    };
    readonly running: number;
    readonly abandoned: number;
    readonly ended: Readonly<Record<Job.EndWord, number>>;
    readonly limits: Readonly<Record<string, {
        readonly limit: number;
        readonly used: number;
    }>>;
}
export interface Dump {
    readonly name: string | undefined;
    readonly limits: Stats["limits"];
    readonly jobs: ReadonlyArray<{
        readonly id: string;
        readonly name: string;
        readonly state: string;
        readonly waitsFor: string | undefined;
    }>;
}
export { 
JobCycle, 
StateNotReached, 
SubmitError } from "./internal/errors.ts";
export type { 
SubmitReason } from "./internal/errors.ts";
export declare const Engine: Context.Service<Engine, Engine>;
export declare const make: {
    (options?: Options & {
        readonly store?: undefined;
    }): Effect.Effect<Engine, never, Scope.Scope>;
    (options: Options): Effect.Effect<Engine, StoreError, Scope.Scope>;
};
export declare const layer: {
    (options?: Options & {
        readonly store?: undefined;
    }): Layer.Layer<Engine>;
    (options: Options): Layer.Layer<Engine, StoreError>;
};
export { 
format } from "./internal/dump.ts";

// ---- @skein/engine/EngineStream --------------------------------------------------------------------------

import type * as Stream from "effect/Stream";
import type * as Engine from "./Engine.ts";
import type * as Job from "./Job.ts";
export type OnFull = "slide" | "fail";
export interface ChangesOptions<F extends OnFull = OnFull> extends Omit<Engine.Filter, "submitted" | "ended"> {
    readonly from?: "now" | "start" | undefined;
    readonly buffer?: number | undefined;
    readonly onFull?: F | undefined;
}
declare const ReaderTooSlow_base: new <A extends Record<string, any> = {}>(args: import("effect/Types").VoidIfEmpty<{ readonly [P in keyof A as P extends "_tag" ? never : P]: A[P]; }>) => import("effect/Cause").YieldableError & {
    readonly _tag: "ReaderTooSlow";
} & Readonly<A>;
export declare class ReaderTooSlow extends ReaderTooSlow_base<{
    readonly buffer: number;
}> {
    get message(): string;
}
export declare const changes: <F extends OnFull = "slide">(engine: Engine.Engine, options?: ChangesOptions<F>) => Stream.Stream<Job.Run, "fail" extends F ? ReaderTooSlow : never>;
export declare const ofJob: (handle: Job.Handle<unknown, unknown>) => Stream.Stream<Job.Run>;
export type Finished<H> = H extends Job.Handle<infer A, infer E> ? {
    readonly handle: H;
    readonly end: Job.End<A, E>;
} : never;
export declare const outcomes: <H extends Job.Handle<unknown, unknown>>(handles: Iterable<H>) => Stream.Stream<Finished<H>>;
export {};

// ---- @skein/engine/Graph ---------------------------------------------------------------------------------

import type * as Job from "./Job.ts";
export interface Graph {
    readonly nodes: ReadonlyArray<Node>;
    readonly edges: ReadonlyArray<Edge>;
}
export interface Node {
    readonly id: string;
    readonly name: string;
    readonly state: "waiting" | "running" | Job.EndWord;
}
export interface Edge {
    readonly from: string;
    readonly to: string;
    readonly wants: ReadonlyArray<Job.EndWord>;
    readonly kind: "result" | "outcome" | "after" | "either";
}
export declare const toMermaid: (graph: Graph) => string;

// ---- @skein/engine/Job -----------------------------------------------------------------------------------

import type * as Outcome from "@skein/core/Outcome";
import type * as Progress from "@skein/core/Progress";
import type * as TaskGroup from "@skein/core/TaskGroup";
import type * as Cause from "effect/Cause";
import type * as Effect from "effect/Effect";
import type * as Option from "effect/Option";
import type * as Task from "@skein/parallel/Task";
import type * as TaskRunner from "@skein/parallel/TaskRunner";
import type { JobOutput } from "./JobOutput.ts";
import type * as references from "./internal/references.ts";
export type EndWord = "completed" | "failed" | "timeout" | "cancelled" | "skipped";
export type End<A, E = never> = Outcome.Outcome<A, E> | Skipped;
export interface Because {
    readonly id: string;
    readonly name: string;
    readonly status: EndWord;
    readonly wanted: ReadonlyArray<EndWord>;
    readonly detail: string;
    readonly because?: Because | undefined;
}
export { 
Skipped } from "./internal/ends.ts";
import type { Skipped } from "./internal/ends.ts";
export { 
formatEnd, 
endWord, 
formatBecause } from "./internal/ends.ts";
export type State<A = unknown, E = unknown> = Waiting | Running | Ended<A, E>;
export interface Waiting {
    readonly _tag: "Waiting";
    readonly for: "upstream" | "condition" | "limit" | "retry";
}
export interface Running {
    readonly _tag: "Running";
    readonly attempt: number;
}
export interface Ended<out A = unknown, out E = unknown> {
    readonly _tag: "Ended";
    readonly outcome: End<A, E>;
}
export interface Run {
    readonly id: string;
    readonly name: string;
    readonly state: State;
    readonly priority: TaskGroup.Priority;
    readonly needs: Readonly<Record<string, number>>;
    readonly labels: Readonly<Record<string, string>>;
    readonly key: string | undefined;
    readonly upstream: ReadonlyArray<string>;
    readonly rerunOf: string | undefined;
    readonly createdAt: number;
    readonly submittedAt: number;
    readonly startedAt: number | undefined;
    readonly endedAt: number | undefined;
    readonly attempts: number;
    readonly attemptCauses: ReadonlyArray<Cause.Cause<unknown>>;
    readonly progress: Progress.Report | undefined;
}
export interface Current {
    readonly id: string;
    readonly name: string;
    readonly attempt: number;
    readonly token: number;
}
export declare const current: Effect.Effect<Option.Option<Current>>;
export interface Handle<out A, out E = never> {
    readonly [references.HandleTypeId]: {
        readonly _A: (_: never) => A;
        readonly _E: (_: never) => E;
    };
    readonly id: string;
    readonly name: string;
    readonly state: State<A, E>;
    readonly run: Run;
    readonly await: Effect.Effect<End<A, E>>;
    readonly join: Effect.Effect<A, E | JobSkipped | JobCancelled | JobTimedOut | JobLost>;
    readonly output: Effect.Effect<JobOutput>;
    readonly cancel: (reason?: unknown) => Effect.Effect<End<A, E>>;
    readonly subscribe: (listener: (run: Run) => void) => () => void;
}
export { 
JobCancelled, 
JobLost, 
JobSkipped, 
JobTimedOut, 
Unreadable } from "./internal/ends.ts";
import type { JobCancelled, JobLost, JobSkipped, JobTimedOut } from "./internal/ends.ts";
export type Ref<A = unknown, E = unknown> = Job<A, E, unknown> | Handle<A, E> | string;
export interface ResultOf<out A> {
    readonly [references.ResultTypeId]: {
        readonly _A: (_: never) => A;
    };
}
export interface OutcomeOf<out A, out E> {
    readonly [references.OutcomeTypeId]: {
        readonly _A: (_: never) => A;
        readonly _E: (_: never) => E;
    };
}
export type Resolved<I> = I extends ResultOf<infer A> ? A : I extends OutcomeOf<infer A, infer E> ? End<A, E> : I extends Opaque ? I : I extends ReadonlyArray<unknown> ? {
    readonly [K in keyof I]: Resolved<I[K]>;
} : I extends object ? {
    readonly [K in keyof I]: Resolved<I[K]>;
} : I;
type Opaque = ((...args: Array<never>) => unknown) | Date | ReadonlyMap<unknown, unknown> | ReadonlySet<unknown> | RegExp | URL | Uint8Array | Error | PromiseLike<unknown>;
export { 
result, 
outcome, 
on, 
afterAll, 
afterAny } from "./internal/references.ts";
export type WantedEnd = EndWord | "ended";
export type After = Ref | references.Dependency;
export type { 
Backoff, 
Options } from "./internal/jobOptions.ts";
import type { Options } from "./internal/jobOptions.ts";
export interface Job<out A, out E = never, out R = never> {
    readonly [references.JobTypeId]: {
        readonly _A: (_: never) => A;
        readonly _E: (_: never) => E;
        readonly _R: (_: never) => R;
    };
    readonly name: string;
    readonly id: string | undefined;
}
export declare const make: {
    <const I, A, E = never, R = never>(name: string, options: Options<E> & {
        readonly input: I;
        readonly run: (input: Resolved<I>) => Effect.Effect<A, E, R>;
    }): Job<A, E, R>;
    <A, E = never, R = never>(name: string, options: Options<E> & {
        readonly input?: undefined;
        readonly run: Effect.Effect<A, E, R> | (() => Effect.Effect<A, E, R>);
    }): Job<A, E, R>;
};
export type Placed<P> = P | ResultOf<P> | (P extends Opaque | string | number | boolean | bigint | symbol | null | undefined ? never : {
    readonly [K in keyof P]: Placed<P[K]>;
});
export declare const task: <P, A, E>(task: Task.Task<P, A, E>, payload: Placed<P>, options?: Options<E | TaskRunner.TaskRunnerError> & {
    readonly name?: string | undefined;
}) => Job<A, E | TaskRunner.TaskRunnerError>;
export { 
with_ as with };
declare const with_: <A, E, R>(job: Job<A, E, R>, options: Options<E>) => Job<A, E, R>;

// ---- @skein/engine/JobOutput -----------------------------------------------------------------------------

import type * as OutputFile from "@skein/node/OutputFile";
import * as Effect from "effect/Effect";
import type * as Option from "effect/Option";
export interface JobOutput {
    readonly directory: string | undefined;
    readonly stdout: Stream;
    readonly stderr: Stream;
    readonly log: Stream;
}
export interface Stream {
    readonly text: string;
    readonly size: number;
    readonly dropped: number;
    readonly path: string | undefined;
    readonly failure: OutputFile.OutputFileError | undefined;
}
export declare const stdout: (data: string | Uint8Array) => Effect.Effect<void>;
export declare const stderr: (data: string | Uint8Array) => Effect.Effect<void>;
export declare const flush: Effect.Effect<void, OutputFile.OutputFileError>;
export declare const directory: Effect.Effect<Option.Option<string>, OutputFile.OutputFileError>;
export declare const read: (directory: string, id: string, options?: {
    readonly tail?: number | undefined;
}) => Effect.Effect<JobOutput>;

// ---- @skein/engine/JobSchedule ---------------------------------------------------------------------------

import * as Cause from "effect/Cause";
import * as Cron from "effect/Cron";
import type * as DateTime from "effect/DateTime";
import type * as Duration from "effect/Duration";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import type * as Engine from "./Engine.ts";
import type { EndedBy, Failure, Handle as SharedHandle, SharedOptions } from "./internal/schedule/model.ts";
import type { Json } from "./JobStore.ts";
export type { EndedBy, Failure, JobOf, OnFailure, Overlap, SharedOptions, Status, StopOptions, Tick } from "./internal/schedule/model.ts";
export type Times = {
    readonly every: Duration.Input;
    readonly cron?: undefined;
    readonly zone?: undefined;
} | {
    readonly every?: undefined;
    readonly cron: string | Cron.Cron;
    readonly zone?: string | undefined;
};
export type Options<A, E = never, R = never> = Times & SharedOptions<A, E, R> & {
    readonly catchUp?: "skip" | "last" | "all" | undefined;
    readonly lateAfter?: Duration.Input | undefined;
    readonly jitter?: Duration.Input | undefined;
    readonly start?: DateTime.DateTime.Input | undefined;
    readonly end?: DateTime.DateTime.Input | undefined;
};
declare const TypeId: unique symbol;
export interface JobSchedule<out A, out E = never, out R = never> {
    readonly [TypeId]: {
        readonly _A: (_: never) => A;
        readonly _E: (_: never) => E;
        readonly _R: (_: never) => R;
    };
    readonly name: string;
}
export interface Handle<out A, out E = never> extends SharedHandle<A, E, JobScheduleError> {
}
export interface Memory {
    readonly load: Effect.Effect<Json | undefined, unknown>;
    readonly save: (state: Json) => Effect.Effect<void, unknown>;
}
export type JobScheduleReason = {
    readonly _tag: "TooManyFailures";
    readonly failures: ReadonlyArray<Failure>;
} | {
    readonly _tag: "MemoryFailed";
    readonly cause: Cause.Cause<unknown>;
} | {
    readonly _tag: "MemoryUnreadable";
    readonly state: Json;
} | {
    readonly _tag: "JobThrew";
    readonly cause: Cause.Cause<unknown>;
} | {
    readonly _tag: "Ended";
    readonly by: EndedBy;
} | {
    readonly _tag: "AlreadyStarted";
};
declare const JobScheduleError_base: new <A extends Record<string, any> = {}>(args: import("effect/Types").VoidIfEmpty<{ readonly [P in keyof A as P extends "_tag" ? never : P]: A[P]; }>) => Cause.YieldableError & {
    readonly _tag: "JobScheduleError";
} & Readonly<A>;
export declare class JobScheduleError extends JobScheduleError_base<{
    readonly schedule: string;
    readonly reason: JobScheduleReason;
}> {
    get message(): string;
}
export declare const make: <A, E = never, R = never>(name: string, options: Options<A, E, R>) => JobSchedule<A, E, R>;
export declare const start: <A, E, R>(engine: Engine.Engine, schedule: JobSchedule<A, E, R>, options?: {
    readonly memory?: Memory | undefined;
}) => Effect.Effect<Handle<A, E>, JobScheduleError, R | Scope.Scope>;

// ---- @skein/engine/JobStore ------------------------------------------------------------------------------

import type * as Effect from "effect/Effect";
import type * as Option from "effect/Option";
import type * as Scope from "effect/Scope";
import type * as Job from "./Job.ts";
export type Json = null | boolean | number | string | ReadonlyArray<Json> | {
    readonly [key: string]: Json;
};
export interface StoredRun {
    readonly id: string;
    readonly name: string;
    readonly job: string;
    readonly description: Json;
    readonly state: "waiting" | "running" | Job.EndWord;
    readonly key: string | undefined;
    readonly labels: Readonly<Record<string, string>>;
    readonly upstream: ReadonlyArray<string>;
    readonly rerunOf: string | undefined;
    readonly createdAt: number;
    readonly submittedAt: number;
    readonly startedAt: number | undefined;
    readonly endedAt: number | undefined;
    readonly attempts: number;
    readonly attemptCauses: ReadonlyArray<Json>;
    readonly end: Json | undefined;
}
export type StoredChange = {
    readonly type: "submitted";
    readonly run: StoredRun;
} | {
    readonly type: "running";
    readonly id: string;
    readonly attempts: number;
    readonly startedAt: number;
}
 | {
    readonly type: "waiting";
    readonly id: string;
    readonly attempts: number;
    readonly attemptCauses: ReadonlyArray<Json>;
} | {
    readonly type: "ended";
    readonly id: string;
    readonly state: Job.EndWord;
    readonly endedAt: number;
    readonly attempts: number;
    readonly attemptCauses: ReadonlyArray<Json>;
    readonly end: Json;
} | {
    readonly type: "removed";
    readonly id: string;
}
 | {
    readonly type: "schedule";
    readonly name: string;
    readonly state: Json | undefined;
}
 | {
    readonly type: "answered";
    readonly request: number;
    readonly refusal: string | undefined;
};
export type Request = 
{
    readonly _tag: "Submit";
    readonly jobs: ReadonlyArray<{
        readonly id: string;
        readonly name: string;
        readonly description: Json;
    }>;
} | {
    readonly _tag: "Cancel";
    readonly id: string;
    readonly reason: string | undefined;
}
 | {
    readonly _tag: "Rerun";
    readonly id: string;
    readonly as: string;
} | {
    readonly _tag: "Remove";
    readonly id: string;
};
export interface StoredRequest {
    readonly number: number;
    readonly at: number;
    readonly request: Request;
    readonly refusal: string | undefined;
}
export interface Query {
    readonly name?: string | undefined;
    readonly state?: ReadonlyArray<StoredRun["state"]> | undefined;
    readonly labels?: Readonly<Record<string, string>> | undefined;
    readonly key?: string | undefined;
    readonly submitted?: {
        readonly from?: number | undefined;
        readonly to?: number | undefined;
    } | undefined;
    readonly ended?: {
        readonly from?: number | undefined;
        readonly to?: number | undefined;
    } | undefined;
    readonly limit?: number | undefined;
}
export type Changed = "runs" | "requests" | "unknown";
export interface JobStore {
    readonly name: string;
    readonly own: Effect.Effect<Owner, StoreError, Scope.Scope>;
    readonly get: (id: string) => Effect.Effect<Option.Option<StoredRun>, StoreError>;
    readonly list: (query?: Query) => Effect.Effect<ReadonlyArray<StoredRun>, StoreError>;
    readonly request: (request: Request) => Effect.Effect<number, StoreError>;
    readonly requests: Effect.Effect<ReadonlyArray<StoredRequest>, StoreError>;
    readonly watch: (listener: (changed: Changed) => void) => Effect.Effect<void, StoreError, Scope.Scope>;
    readonly isOwned: Effect.Effect<boolean, StoreError>;
}
export interface Owner {
    readonly token: number;
    readonly load: Effect.Effect<Loaded, StoreError>;
    readonly append: (changes: ReadonlyArray<StoredChange>) => Effect.Effect<void, StoreError>;
}
export interface Loaded {
    readonly runs: ReadonlyArray<StoredRun>;
    readonly schedules: ReadonlyMap<string, Json>;
}
export type StoreReason = {
    readonly _tag: "Owned";
} | {
    readonly _tag: "Fenced";
} | {
    readonly _tag: "Newer";
    readonly version: number;
    readonly known: number;
} | {
    readonly _tag: "NotAStore";
    readonly detail: string;
} | {
    readonly _tag: "Full";
} | {
    readonly _tag: "Unavailable";
    readonly cause: unknown;
};
export { 
StoreError } from "./internal/store/storeError.ts";
import type { StoreError } from "./internal/store/storeError.ts";
export { 
memory } from "./internal/store/memory.ts";

// ---- @skein/engine/Launcher ------------------------------------------------------------------------------

import type * as Task from "@skein/parallel/Task";
import type * as TaskRunner from "@skein/parallel/TaskRunner";
import type * as Cause from "effect/Cause";
import type * as Effect from "effect/Effect";
import type * as Engine from "./Engine.ts";
import type * as Job from "./Job.ts";
export interface Options<in E = never> extends Omit<Job.Options<E>, "id"> {
    readonly description?: string | undefined;
    readonly tags?: ReadonlyArray<string> | undefined;
    readonly onInterrupt?: "cancel" | "leave" | undefined;
}
export interface Meta {
    readonly name: string;
    readonly description: string | undefined;
    readonly tags: ReadonlyArray<string>;
    readonly kind: "run" | "call" | "task" | "job";
    readonly calls: number;
}
export type Arguments<Args extends ReadonlyArray<unknown>> = {
    readonly [K in keyof Args]: Job.Placed<Args[K]>;
};
export type CallError = Engine.SubmitError | Effect.Error<Job.Handle<never>["join"]>;
export interface Launcher<Args extends ReadonlyArray<unknown>, A, E, R> {
    (...args: Args): Effect.Effect<A, E | CallError, R | Engine.Engine>;
    readonly name: string;
    readonly meta: Meta;
    readonly submit: (...args: Args) => Effect.Effect<Job.Handle<A, E>, Engine.SubmitError, R | Engine.Engine>;
    readonly job: (...args: Args) => Job.Job<A, E, R>;
    readonly with: (options: Job.Options<E>) => Launcher<Args, A, E, R>;
}
export declare const define: {
    <Args extends ReadonlyArray<unknown>, A, E = never, R = never>(name: string, options: {
        readonly run: (...args: Args) => Effect.Effect<A, E, R>;
    } & Options<E>): Launcher<Arguments<Args>, A, E, R>;
    <Args extends ReadonlyArray<unknown>, A>(name: string, options: {
        readonly call: (...args: Args) => A;
    } & Options<Cause.UnknownError>): Launcher<Arguments<Args>, Awaited<A>, Cause.UnknownError, never>;
    <P, A, E>(name: string, options: {
        readonly task: Task.Task<P, A, E>;
    } & Options<E | TaskRunner.TaskRunnerError>): Launcher<readonly [payload: Job.Placed<P>], A, E | TaskRunner.TaskRunnerError, never>;
    <Args extends ReadonlyArray<unknown>, A, E, R>(name: string, options: {
        readonly job: (...args: Args) => Job.Job<A, E, R>;
    } & Options<E>): Launcher<Args, A, E, R>;
};

// ---- @skein/engine/Sentinel ------------------------------------------------------------------------------

import * as Cause from "effect/Cause";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import type * as Condition from "./Condition.ts";
import type * as Engine from "./Engine.ts";
import type { EndedBy, Failure, Handle as SharedHandle, SharedOptions } from "./internal/schedule/model.ts";
export type { EndedBy, Failure, JobOf, OnFailure, Overlap, SharedOptions, Status, StopOptions, Tick } from "./internal/schedule/model.ts";
export interface Options<A, E = never, R = never> extends SharedOptions<A, E, R> {
    readonly when: Condition.Condition;
    readonly initially?: "edge" | "level" | undefined;
}
declare const TypeId: unique symbol;
export interface Sentinel<out A, out E = never, out R = never> {
    readonly [TypeId]: {
        readonly _A: (_: never) => A;
        readonly _E: (_: never) => E;
        readonly _R: (_: never) => R;
    };
    readonly name: string;
}
export interface Handle<out A, out E = never> extends SharedHandle<A, E, SentinelError> {
}
export type SentinelReason = {
    readonly _tag: "ConditionFailed";
    readonly error: Condition.ConditionError;
} | {
    readonly _tag: "TooManyFailures";
    readonly failures: ReadonlyArray<Failure>;
} | {
    readonly _tag: "JobThrew";
    readonly cause: Cause.Cause<unknown>;
} | {
    readonly _tag: "Ended";
    readonly by: EndedBy;
} | {
    readonly _tag: "AlreadyStarted";
};
declare const SentinelError_base: new <A extends Record<string, any> = {}>(args: import("effect/Types").VoidIfEmpty<{ readonly [P in keyof A as P extends "_tag" ? never : P]: A[P]; }>) => Cause.YieldableError & {
    readonly _tag: "SentinelError";
} & Readonly<A>;
export declare class SentinelError extends SentinelError_base<{
    readonly sentinel: string;
    readonly reason: SentinelReason;
}> {
    get message(): string;
}
export declare const make: <A, E = never, R = never>(name: string, options: Options<A, E, R>) => Sentinel<A, E, R>;
export declare const start: <A, E, R>(engine: Engine.Engine, sentinel: Sentinel<A, E, R>) => Effect.Effect<Handle<A, E>, SentinelError, R | Scope.Scope>;

// ---- @skein/engine/ServedJob -----------------------------------------------------------------------------

import * as ServedApp from "@skein/node/ServedApp";
import * as Effect from "effect/Effect";
import type * as Engine from "./Engine.ts";
import type * as Job from "./Job.ts";
declare const TypeId: unique symbol;
export interface ServedJob<out R = never> extends Job.Job<ServedApp.Ended, ServedApp.ServedAppError, R> {
    readonly [TypeId]: typeof TypeId;
}
export interface Options extends Job.Options<ServedApp.ServedAppError> {
    readonly served?: ServedApp.Options | undefined;
}
export declare const make: {
    <const I, E = never, R = never>(name: string, options: Options & {
        readonly input: I;
        readonly app: (place: ServedApp.Place, input: Job.Resolved<I>) => Effect.Effect<unknown, E, R>;
    }): ServedJob<R>;
    <E = never, R = never>(name: string, options: Options & {
        readonly input?: undefined;
        readonly app: string | ((place: ServedApp.Place) => Effect.Effect<unknown, E, R>);
    }): ServedJob<R>;
};
export interface Address {
    readonly ip: string;
    readonly port: number;
    readonly url: string;
}
declare const NotServing_base: new <A extends Record<string, any> = {}>(args: import("effect/Types").VoidIfEmpty<{ readonly [P in keyof A as P extends "_tag" ? never : P]: A[P]; }>) => import("effect/Cause").YieldableError & {
    readonly _tag: "NotServing";
} & Readonly<A>;
export declare class NotServing extends NotServing_base<{
    readonly id: string;
    readonly name: string;
}> {
    get message(): string;
}
export type AddressError = NotServing | Effect.Error<Job.Handle<never, ServedApp.ServedAppError>["join"]>;
export interface Server {
    readonly job: Job.Handle<ServedApp.Ended, ServedApp.ServedAppError>;
    readonly address: Effect.Effect<Address, AddressError>;
}
export declare const server: <R>(job: ServedJob<R>, handle: Job.Handle<ServedApp.Ended, ServedApp.ServedAppError>) => Server;
export declare const submit: <R>(engine: Engine.Engine, job: ServedJob<R>) => Effect.Effect<Server, Engine.SubmitError, R>;
export declare const use: <A, E, R, R2>(engine: Engine.Engine, job: ServedJob<R>, f: (address: Address) => Effect.Effect<A, E, R2>) => Effect.Effect<A, E | AddressError | Engine.SubmitError, R | R2>;
export {};

// ---- @skein/engine/SqliteStore ---------------------------------------------------------------------------

import type * as Duration from "effect/Duration";
import type * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import type { JobStore, StoreError } from "./JobStore.ts";
export interface Options {
    readonly path: string;
    readonly access?: "write" | "read" | undefined;
    readonly synchronous?: "normal" | "full" | undefined;
    readonly busyTimeout?: Duration.Input | undefined;
}
export declare const make: (options: Options) => Effect.Effect<JobStore, StoreError, Scope.Scope>;

// ---- @skein/engine/StoredJob -----------------------------------------------------------------------------

import type * as Condition from "./Condition.ts";
import type * as Graph from "./Graph.ts";
import type * as Job from "./Job.ts";
import type { Json, StoredRun } from "./JobStore.ts";
export interface StoredJob {
    readonly name: string;
    readonly description: Json;
}
export declare const of: (job: Job.Job<unknown, unknown, unknown>) => StoredJob;
export declare const ofTask: (task: {
    readonly module: string | URL;
    readonly export: string;
    readonly payload?: Json | undefined;
}, options?: Job.Options<unknown> & {
    readonly name?: string | undefined;
}) => StoredJob;
export declare const what: (description: Json) => string;
export declare const when: (description: Json) => Condition.Data | undefined;
export declare const labels: (description: Json) => Readonly<Record<string, string>>;
export declare const key: (description: Json) => string | undefined;
export declare const edges: (run: Pick<StoredRun, "id" | "description"> & {
    readonly upstream?: ReadonlyArray<string>;
}) => ReadonlyArray<Graph.Edge>;
export declare const valueOf: (end: Json) => Json | undefined;
export declare const detailOf: (end: Json) => string;
export declare const causeDetail: (cause: Json) => string;

// ---- @skein/engine/StreamJob -----------------------------------------------------------------------------

import type * as Cause from "effect/Cause";
import * as Effect from "effect/Effect";
import type * as Stream from "effect/Stream";
import type * as Duration from "effect/Duration";
import type * as Engine from "./Engine.ts";
import type * as Job from "./Job.ts";
declare const TypeId: unique symbol;
export interface StreamJob<out A, in M, out B, out E = never, out R = never> extends Job.Job<B, E, R> {
    readonly [TypeId]: {
        readonly _A: (_: never) => A;
        readonly _M: (_: M) => void;
    };
}
export interface Inbox<out M> {
    readonly take: Effect.Effect<M, Cause.Done>;
    readonly stream: Stream.Stream<M>;
}
export interface Fold<in A, in out B> {
    readonly initial: () => B;
    readonly step: (value: B, element: A) => B;
}
export interface Options<in A = never, in out B = number> extends Omit<Job.Options, "retry" | "attemptTimeout"> {
    readonly collect?: Fold<A, B> | undefined;
    readonly buffer?: number | undefined;
    readonly inbox?: number | undefined;
    readonly onUnread?: "stop" | "wait" | "drop" | undefined;
    readonly patience?: Duration.Input | undefined;
}
export declare const make: {
    <const I, A, E = never, R = never, M = never, B = number>(name: string, options: Options<NoInfer<A>, B> & {
        readonly input: I;
        readonly run: (input: Job.Resolved<I>, inbox: Inbox<M>) => Stream.Stream<A, E, R>;
    }): StreamJob<A, M, B, E, R>;
    <A, E = never, R = never, M = never, B = number>(name: string, options: Options<NoInfer<A>, B> & {
        readonly input?: undefined;
        readonly run: Stream.Stream<A, E, R> | ((inbox: Inbox<M>) => Stream.Stream<A, E, R>);
    }): StreamJob<A, M, B, E, R>;
};
declare const InboxClosed_base: new <A extends Record<string, any> = {}>(args: import("effect/Types").VoidIfEmpty<{ readonly [P in keyof A as P extends "_tag" ? never : P]: A[P]; }>) => Cause.YieldableError & {
    readonly _tag: "InboxClosed";
} & Readonly<A>;
export declare class InboxClosed extends InboxClosed_base<{
    readonly id: string;
    readonly name: string;
}> {
    get message(): string;
}
export interface Output<out A, in M, out B, out E = never> {
    readonly job: Job.Handle<B, E>;
    readonly stream: Stream.Stream<A, Effect.Error<Job.Handle<B, E>["join"]>>;
    readonly send: (message: M) => Effect.Effect<void, InboxClosed>;
    readonly endInbox: Effect.Effect<void>;
    readonly counts: () => Counts;
}
export interface Counts {
    readonly given: number;
    readonly read: number;
    readonly waiting: number;
    readonly dropped: number;
}
export declare const output: <A, M, B, E, R>(job: StreamJob<A, M, B, E, R>, handle: Job.Handle<B, E>) => Output<A, M, B, E>;
export declare const submit: <A, M, B, E, R>(engine: Engine.Engine, job: StreamJob<A, M, B, E, R>) => Effect.Effect<Output<A, M, B, E>, Engine.SubmitError, R>;
export {};

// ---- @skein/engine/internal/condition/error --------------------------------------------------------------

import * as Cause from "effect/Cause";
declare const NeverHolds_base: new <A extends Record<string, any> = {}>(args: import("effect/Types").VoidIfEmpty<{ readonly [P in keyof A as P extends "_tag" ? never : P]: A[P]; }>) => Readonly<A> & {
    readonly _tag: "NeverHolds";
} & import("effect/Pipeable").Pipeable;
export declare class NeverHolds extends NeverHolds_base<{
    readonly condition: string;
}> {
}
declare const Failed_base: new <A extends Record<string, any> = {}>(args: import("effect/Types").VoidIfEmpty<{ readonly [P in keyof A as P extends "_tag" ? never : P]: A[P]; }>) => Readonly<A> & {
    readonly _tag: "Failed";
} & import("effect/Pipeable").Pipeable;
export declare class Failed extends Failed_base<{
    readonly condition: string;
    readonly cause: Cause.Cause<unknown>;
}> {
}
declare const ConditionError_base: new <A extends Record<string, any> = {}>(args: import("effect/Types").VoidIfEmpty<{ readonly [P in keyof A as P extends "_tag" ? never : P]: A[P]; }>) => Cause.YieldableError & {
    readonly _tag: "ConditionError";
} & Readonly<A>;
export declare class ConditionError extends ConditionError_base<{
    readonly reason: NeverHolds | Failed;
}> {
    get message(): string;
}
export {};
