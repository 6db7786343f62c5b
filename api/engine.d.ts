// The public declarations of @skein/engine, made by `pnpm api`. Not edited by hand.

// ---- @skein/engine ---------------------------------------------------------------------------------------

export * as Condition from "./Condition.ts";
export * as Engine from "./Engine.ts";
export * as Graph from "./Graph.ts";
export * as Job from "./Job.ts";

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

import * as Context from "effect/Context";
import type * as Duration from "effect/Duration";
import type * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type * as Option from "effect/Option";
import type * as Scope from "effect/Scope";
import type * as Graph from "./Graph.ts";
import type { StateNotReached, SubmitError } from "./internal/errors.ts";
import type * as Job from "./Job.ts";
export interface Options {
    readonly limits?: Limits | undefined;
    readonly onClose?: "drain" | "interrupt" | undefined;
    readonly grace?: Duration.Input | undefined;
    readonly retention?: number | undefined;
    readonly name?: string | undefined;
    readonly onChange?: ((run: Job.Run) => void) | undefined;
}
export type Limits = Readonly<Record<string, number | "unbounded">>;
export interface Filter {
    readonly name?: string | undefined;
    readonly state?: StateWord | ReadonlyArray<StateWord> | undefined;
    readonly labels?: Readonly<Record<string, string>> | undefined;
    readonly key?: string | undefined;
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
    readonly resize: (limits: Limits) => Effect.Effect<void>;
    readonly stats: Effect.Effect<Stats>;
    readonly awaitIdle: Effect.Effect<void>;
    readonly awaitState: (which: Job.Handle<unknown, unknown> | string, state: StateWord, options?: {
        readonly within?: Duration.Input | undefined;
    }) => Effect.Effect<Job.Run, StateNotReached>;
    readonly graph: Effect.Effect<Graph.Graph>;
    readonly dump: Effect.Effect<Dump>;
    readonly subscribe: (listener: (run: Job.Run) => void) => () => void;
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
export declare const make: (options?: Options) => Effect.Effect<Engine, never, Scope.Scope>;
export declare const layer: (options?: Options) => Layer.Layer<Engine>;
export { 
format } from "./internal/dump.ts";

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
import type * as Settings from "@skein/core/Settings";
import type * as TaskGroup from "@skein/core/TaskGroup";
import type * as Cause from "effect/Cause";
import type * as Duration from "effect/Duration";
import type * as Effect from "effect/Effect";
import type * as Condition from "./Condition.ts";
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
}
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
    readonly join: Effect.Effect<A, E | JobSkipped | JobCancelled | JobTimedOut>;
    readonly cancel: (reason?: unknown) => Effect.Effect<End<A, E>>;
    readonly subscribe: (listener: (run: Run) => void) => () => void;
}
export { 
JobCancelled, 
JobSkipped, 
JobTimedOut } from "./internal/ends.ts";
import type { JobCancelled, JobSkipped, JobTimedOut } from "./internal/ends.ts";
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
export interface Options<in E = never> {
    readonly id?: string | undefined;
    readonly after?: After | ReadonlyArray<After> | undefined;
    readonly when?: Condition.Condition | undefined;
    readonly needs?: Readonly<Record<string, number>> | undefined;
    readonly priority?: TaskGroup.Priority | undefined;
    readonly retry?: Settings.RetryOptions<NoInfer<E>> | undefined;
    readonly timeout?: Duration.Input | undefined;
    readonly attemptTimeout?: Duration.Input | undefined;
    readonly queueTimeout?: Duration.Input | undefined;
    readonly onUpstream?: "skip" | "run" | undefined;
    readonly labels?: Readonly<Record<string, string>> | undefined;
    readonly key?: string | undefined;
}
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
