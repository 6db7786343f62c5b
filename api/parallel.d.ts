// The public declarations of @skein/parallel, made by `pnpm api`. Not edited by hand.

// ---- @skein/parallel -------------------------------------------------------------------------------------

export * from "./Options.ts";
export * as AdaptiveLimiter from "./AdaptiveLimiter.ts";
export * as AgentGather from "./AgentGather.ts";
export { fanOut, type FanOutOptions } from "./fanOut.ts";
export * as Hedge from "./Hedge.ts";
export * as Joiner from "./Joiner.ts";
export * as KeyedLimiter from "./KeyedLimiter.ts";
export * as ParallelExecutor from "./ParallelExecutor.ts";
export { type EffectsOf, type Outcomes, parallelGather } from "./parallelGather.ts";
export { parallelMap } from "./parallelMap.ts";
export * as TaskRunner from "./TaskRunner.ts";
export * as ThrottledLimiter from "./ThrottledLimiter.ts";

// ---- @skein/parallel/AdaptiveLimiter ---------------------------------------------------------------------

import * as Limiter from "@skein/core/Limiter";
import * as Duration from "effect/Duration";
import * as Effect from "effect/Effect";
import type * as Exit from "effect/Exit";
export type Sample = "success" | "drop" | "ignore";
export interface Options<F extends "wait" | "reject" = "wait" | "reject", T extends Duration.Input | undefined = Duration.Input | undefined> {
    readonly algorithm?: "gradient2" | "aimd" | undefined;
    readonly initial?: number | undefined;
    readonly min?: number | undefined;
    readonly max?: number | undefined;
    readonly window?: Duration.Input | undefined;
    readonly minSamples?: number | undefined;
    readonly backoffRatio?: number | undefined;
    readonly slowAfter?: Duration.Input | undefined;
    readonly queueSize?: number | undefined;
    readonly smoothing?: number | undefined;
    readonly tolerance?: number | undefined;
    readonly longWindow?: number | undefined;
    readonly classify?: ((exit: Exit.Exit<unknown, unknown>, took: Duration.Duration) => Sample | undefined) | undefined;
    readonly name?: string | undefined;
    readonly queue?: Limiter.Options<F, T>["queue"];
}
export interface Stats extends Limiter.Stats {
    readonly limit: number;
    readonly latency: Duration.Duration | undefined;
    readonly baseLatency: Duration.Duration | undefined;
    readonly successes: number;
    readonly drops: number;
    readonly ignored: number;
}
export interface AdaptiveLimiter<out E = never> extends Limiter.Limiter<E> {
    readonly withPermits: Limiter.Limiter<E>["withPermits"];
    readonly resize: (permits: number) => Effect.Effect<void>;
    readonly limit: Effect.Effect<number>;
    readonly stats: Effect.Effect<Stats>;
}
export declare const make: <const F extends "wait" | "reject" = "wait", T extends Duration.Input | undefined = undefined>(options?: Options<F, T>) => Effect.Effect<AdaptiveLimiter<Limiter.ErrorOf<F, T>>>;
export declare const makeUnsafe: <const F extends "wait" | "reject" = "wait", T extends Duration.Input | undefined = undefined>(options?: Options<F, T>) => AdaptiveLimiter<Limiter.ErrorOf<F, T>>;

// ---- @skein/parallel/AgentFunction -----------------------------------------------------------------------

import type * as AgentGather from "./AgentGather.ts";
export type Time = number | "Infinity" | `${number} ${"millis" | "second" | "seconds" | "minute" | "minutes" | "hour" | "hours"}`;
export interface TaskContext {
    readonly signal: AbortSignal;
    readonly gather: AgentFunction["gather"];
}
export type Agent = (input: unknown, context: TaskContext) => unknown;
export interface Task<out A = unknown> extends Pick<AgentGather.Task, "id" | "agent" | "input"> {
    readonly run?: ((input: unknown, context: TaskContext) => PromiseLike<A> | A) | undefined;
}
export interface Store {
    readonly get: (key: string) => PromiseLike<string | null | undefined> | string | null | undefined;
    readonly set: (key: string, value: string) => unknown;
}
export interface CreateOptions extends Pick<AgentGather.MakeOptions, "concurrency" | "maxTasks" | "textLimit" | "name"> {
    readonly timeout?: Time | undefined;
    readonly taskTimeout?: Time | undefined;
    readonly grace?: Time | undefined;
    readonly retry?: {
        readonly times: number;
        readonly while?: ((error: unknown) => boolean) | undefined;
    } | undefined;
    readonly store?: Store | undefined;
    readonly storeTimeout?: Time | undefined;
    readonly agents?: Readonly<Record<string, Agent>> | undefined;
}
export interface Options<in A = never> extends Pick<AgentGather.GatherOptions, "concurrency" | "resume" | "name"> {
    readonly timeout?: Time | undefined;
    readonly taskTimeout?: Time | undefined;
    readonly grace?: Time | undefined;
    readonly signal?: AbortSignal | undefined;
    readonly onReport?: ((report: Report<A>) => void) | undefined;
}
export interface Report<out A = unknown> extends Omit<AgentGather.Report<A>, "outcome"> {
    readonly value?: A;
    readonly error?: unknown;
    readonly attempts: number;
    readonly ranFor: number | undefined;
}
export interface Account<out A = unknown> extends Pick<AgentGather.Account<A>, "text" | "total" | "completed" | "missing" | "values" | "notes" | "resume"> {
    readonly reports: ReadonlyArray<Report<A>>;
    readonly elapsed: number;
}
export interface AgentFunction {
    readonly gather: <A = unknown>(tasks: Iterable<Task<A>>, options?: Options<A>) => Promise<Account<A>>;
    readonly cancel: (id: string, reason?: unknown) => Promise<Report>;
    readonly stats: () => AgentGather.Stats;
    readonly close: () => Promise<void>;
    readonly [Symbol.asyncDispose]: () => Promise<void>;
}
export declare const create: (options?: CreateOptions) => AgentFunction;
export declare const fromAccount: <A, E>(account: AgentGather.Account<A, E>) => Account<A>;

// ---- @skein/parallel/AgentGather -------------------------------------------------------------------------

import type * as GatherResult from "@skein/core/GatherResult";
import type * as Limiter from "@skein/core/Limiter";
import type * as Outcome from "@skein/core/Outcome";
import type * as Settings from "@skein/core/Settings";
import * as Context from "effect/Context";
import type * as Duration from "effect/Duration";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type { KeyValueStore } from "effect/persistence/KeyValueStore";
import * as Scope from "effect/Scope";
import type { AgentGatherError } from "./internal/agentError.ts";
export { 
AgentGatherError } from "./internal/agentError.ts";
export type Reason = {
    readonly _tag: "NoTasks";
} | {
    readonly _tag: "TooManyTasks";
    readonly max: number;
    readonly got: number;
} | {
    readonly _tag: "DuplicateId";
    readonly id: string;
} | {
    readonly _tag: "UnknownAgent";
    readonly agent: string;
    readonly known: ReadonlyArray<string>;
} | {
    readonly _tag: "NoSuchTask";
    readonly id: string;
    readonly known: ReadonlyArray<string>;
} | {
    readonly _tag: "Closed";
    readonly account: Account | undefined;
};
export interface Task<out Eff extends Effect.Effect<any, any, any> = Effect.Effect<any, any, any>> {
    readonly id?: string | undefined;
    readonly agent?: string | undefined;
    readonly input?: unknown;
    readonly run: Eff;
}
export interface Store extends Pick<KeyValueStore, "get" | "set"> {
}
export interface MakeOptions {
    readonly concurrency?: number | undefined;
    readonly timeout?: Duration.Input | undefined;
    readonly taskTimeout?: Duration.Input | undefined;
    readonly attemptTimeout?: Duration.Input | undefined;
    readonly grace?: Duration.Input | undefined;
    readonly retry?: Settings.RetryOptions<unknown> | undefined;
    readonly store?: Store | undefined;
    readonly storeTimeout?: Duration.Input | undefined;
    readonly maxTasks?: number | undefined;
    readonly textLimit?: number | undefined;
    readonly name?: string | undefined;
}
export interface GatherOptions<in A = never, in E = never> extends Pick<MakeOptions, "timeout" | "taskTimeout" | "attemptTimeout" | "grace" | "retry" | "name"> {
    readonly concurrency?: number | "unbounded" | undefined;
    readonly stop?: AbortSignal | Effect.Effect<unknown> | undefined;
    readonly resume?: string | undefined;
    readonly onReport?: ((report: Report<A, E>) => void) | undefined;
}
export interface Report<out A = unknown, out E = unknown> {
    readonly id: string;
    readonly path: string;
    readonly agent: string | undefined;
    readonly status: Outcome.Status;
    readonly why: string;
    readonly outcome: Outcome.Outcome<A, E>;
    readonly resumed: boolean;
    readonly kept: boolean;
    readonly missing: number;
}
export interface Abandoned<out A = unknown, out E = unknown> extends Pick<GatherResult.Abandoned<A, E>, "await"> {
    readonly id: string;
    readonly path: string;
}
export interface Account<out A = unknown, out E = unknown> {
    readonly text: string;
    readonly total: number;
    readonly completed: number;
    readonly missing: number;
    readonly reports: ReadonlyArray<Report<A, E>>;
    readonly finished: ReadonlyArray<Report<A, E>>;
    readonly unfinished: ReadonlyArray<Report<A, E>>;
    readonly values: ReadonlyArray<A>;
    readonly notes: ReadonlyArray<string>;
    readonly resume: string | undefined;
    readonly elapsed: Duration.Duration;
    readonly abandoned: ReadonlyArray<Abandoned<A, E>>;
}
export interface Stats {
    readonly permits: number;
    readonly running: number;
    readonly waiting: number;
    readonly peak: number;
    readonly abandoned: number;
    readonly gathers: number;
    readonly tasks: Readonly<Record<"completed" | "failed" | "timedOut" | "cancelled" | "notStarted" | "resumed", number>>;
    readonly closed: boolean;
}
export interface AgentGather {
    readonly name: string | undefined;
    readonly limiter: Limiter.Limiter;
    readonly gather: <const T extends Task>(tasks: Iterable<T>, options?: GatherOptions<Effect.Success<T["run"]>, Effect.Error<T["run"]>>) => Effect.Effect<Account<Effect.Success<T["run"]>, Effect.Error<T["run"]>>, AgentGatherError, Effect.Services<T["run"]>>;
    readonly cancel: (id: string, reason?: unknown) => Effect.Effect<Report, AgentGatherError>;
    readonly stats: Effect.Effect<Stats>;
}
export declare const AgentGather: Context.Service<AgentGather, AgentGather>;
export declare const make: (options?: MakeOptions) => Effect.Effect<AgentGather, never, Scope.Scope>;
export declare const layer: (options?: MakeOptions) => Layer.Layer<AgentGather>;

// ---- @skein/parallel/AgentToolkit ------------------------------------------------------------------------

import * as Tool from "effect/ai/Tool";
import * as Toolkit from "effect/ai/Toolkit";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import * as Schema from "effect/Schema";
import { AgentGather } from "./AgentGather.ts";
export interface Agent<out Eff extends Effect.Effect<any, any, any> = Effect.Effect<any, any, any>> {
    readonly description?: string | undefined;
    readonly run: (input: string) => Eff;
}
export interface Options<Agents extends Readonly<Record<string, Agent>>, Name extends string = "parallel_agents"> {
    readonly agents: Agents;
    readonly name?: Name | undefined;
    readonly description?: string | undefined;
}
export declare const Parameters: Schema.Struct<{
    readonly tasks: Schema.$Array<Schema.Struct<{
        readonly id: Schema.optionalKey<Schema.String>;
        readonly agent: Schema.String;
        readonly input: Schema.String;
    }>>;
    readonly resume: Schema.optionalKey<Schema.String>;
}>;
export declare const Success: Schema.Struct<{
    readonly text: Schema.String;
    readonly total: Schema.Number;
    readonly completed: Schema.Number;
    readonly missing: Schema.Number;
    readonly reports: Schema.$Array<Schema.Struct<{
        readonly id: Schema.String;
        readonly path: Schema.String;
        readonly agent: Schema.optionalKey<Schema.String>;
        readonly status: Schema.Literals<readonly ["completed", "failed", "timeout", "cancelled", "notStarted"]>;
        readonly why: Schema.String;
        readonly value: Schema.optionalKey<Schema.Unknown>;
        readonly resumed: Schema.Boolean;
        readonly kept: Schema.Boolean;
        readonly missing: Schema.Number;
    }>>;
    readonly notes: Schema.$Array<Schema.String>;
}>;
export declare const Failure: Schema.Struct<{
    readonly error: Schema.String;
    readonly message: Schema.String;
}>;
export interface ParallelAgents<Name extends string> extends Tool.Tool<Name, {
    readonly parameters: typeof Parameters;
    readonly success: typeof Success;
    readonly failure: typeof Failure;
    readonly failureMode: "return";
}> {
}
export interface AgentToolkit<Name extends string, R> {
    readonly tool: ParallelAgents<Name>;
    readonly toolkit: Toolkit.Toolkit<{
        readonly [K in Name]: ParallelAgents<Name>;
    }>;
    readonly layer: Layer.Layer<Tool.HandlersFor<{
        readonly [K in Name]: ParallelAgents<Name>;
    }>, never, AgentGather | R>;
}
export declare const make: <const Agents extends Readonly<Record<string, Agent>>, const Name extends string = "parallel_agents">(options: Options<Agents, Name>) => AgentToolkit<Name, Exclude<Effect.Services<ReturnType<Agents[keyof Agents]["run"]>>, Tool.HandlersFor<{ readonly [K in Name]: ParallelAgents<Name>; }>>>;

// ---- @skein/parallel/Hedge -------------------------------------------------------------------------------

import type * as Limiter from "@skein/core/Limiter";
import * as Duration from "effect/Duration";
import * as Effect from "effect/Effect";
export interface Options {
    readonly after: Duration.Input;
    readonly copies?: number | undefined;
    readonly budget?: Budget | undefined;
    readonly limiter?: Limiter.Limiter | undefined;
    readonly name?: string | undefined;
}
export interface BudgetStats {
    readonly calls: number;
    readonly hedges: number;
    readonly refused: number;
    readonly credit: number;
}
export interface Budget {
    readonly stats: Effect.Effect<BudgetStats>;
}
export declare const budget: (options: {
    readonly ratio: number;
    readonly min?: number | undefined;
    readonly max?: number | undefined;
}) => Effect.Effect<Budget>;
export declare const run: <A, E, R>(effect: Effect.Effect<A, E, R>, options: Options) => Effect.Effect<A, E, R>;

// ---- @skein/parallel/Joiner ------------------------------------------------------------------------------

import * as GatherResult from "@skein/core/GatherResult";
import type * as Outcome from "@skein/core/Outcome";
import * as Effect from "effect/Effect";
import type * as Order from "effect/Order";
export type Joiner<A, E, B, E2 = never> = (start: Start<A, E>) => Fold<A, E, B, E2>;
export interface Start<out A, out E> {
    readonly total: number;
    readonly "~types"?: {
        readonly value: A;
        readonly error: E;
    };
}
export interface Fold<in A, in E, out B, out E2 = never> {
    readonly onOutcome: (outcome: Outcome.Outcome<A, E>) => boolean;
    readonly isPossible: (left: number) => boolean;
    readonly onEnd: (result: GatherResult.GatherResult<A, E>) => Effect.Effect<B, E2>;
}
export interface Step<out S> {
    readonly _tag: "Next" | "Decided";
    readonly state: S;
}
export declare const next: <S>(state: S) => Step<S>;
export declare const decided: <S>(state: S) => Step<S>;
export type Reason = {
    readonly _tag: "NoInput" | "Incomplete";
} | {
    readonly _tag: "TooFew";
    readonly needed: number;
    readonly got: number;
};
declare const JoinError_base: new <A_1 extends Record<string, any> = {}>(args: import("effect/Types").VoidIfEmpty<{ readonly [P in keyof A_1 as P extends "_tag" ? never : P]: A_1[P]; }>) => import("effect/Cause").YieldableError & {
    readonly _tag: "JoinError";
} & Readonly<A_1>;
export declare class JoinError<A, E> extends JoinError_base<{
    readonly joiner: string;
    readonly reason: Reason;
    readonly result: GatherResult.GatherResult<A, E>;
}> {
    get message(): string;
    get causes(): ReadonlyArray<GatherResult.TaskError<E>>;
}
export interface MakeOptions<S, in A, in E, out B, out E2 = never> {
    readonly name?: string | undefined;
    readonly initial: () => S;
    readonly onOutcome: (state: S, outcome: Outcome.Outcome<A, E>) => Step<S>;
    readonly isPossible?: ((state: S, left: number) => boolean) | undefined;
    readonly onEnd: (state: S, result: GatherResult.GatherResult<A, E>) => Effect.Effect<B, E2>;
}
export declare const make: <S, A, E, B, E2 = never>(options: MakeOptions<S, A, E, B, E2>) => Joiner<A, E, B, E2>;
export declare const all: (options?: {
    readonly onFailure?: "interrupt" | "collect" | undefined;
}) => (<A, E>(start: Start<A, E>) => Fold<A, E, Array<A>, JoinError<A, E>>);
export declare const first: () => (<A, E>(start: Start<A, E>) => Fold<A, E, A, JoinError<A, E>>);
export declare const firstN: (n: number) => (<A, E>(start: Start<A, E>) => Fold<A, E, Array<A>, JoinError<A, E>>);
export declare const quorum: (n: number) => (<A, E>(start: Start<A, E>) => Fold<A, E, Array<A>, JoinError<A, E>>);
export declare const merge: <A, E, B>(f: (values: Array<A>, result: GatherResult.GatherResult<A, E>) => B, options?: {
    readonly atLeast?: number | undefined;
}) => Joiner<A, E, B, JoinError<A, E>>;
export declare const reduce: <A, E, B>(initial: () => B, f: (accumulated: B, outcome: Outcome.Outcome<A, E>) => B) => Joiner<A, E, B>;
export declare const best: <O>(order: Order.Order<O>) => (<A extends O, E>(start: Start<A, E>) => Fold<A, E, A, JoinError<A, E>>);
export declare const until: <A, E>(predicate: (outcome: Outcome.Outcome<A, E>) => boolean) => Joiner<A, E, GatherResult.GatherResult<A, E>>;
export {};

// ---- @skein/parallel/KeyedLimiter ------------------------------------------------------------------------

import * as Limiter from "@skein/core/Limiter";
import * as Effect from "effect/Effect";
import type { RateLimiterError } from "effect/persistence/RateLimiter";
import type { RateOptions } from "./ThrottledLimiter.ts";
export interface Options<F extends "wait" | "reject" = "wait" | "reject", Rt extends RateOptions | undefined = RateOptions | undefined> {
    readonly permits: number;
    readonly perKey?: number | undefined;
    readonly rate?: Rt;
    readonly name?: string | undefined;
    readonly queue?: {
        readonly max?: number | undefined;
        readonly maxPerKey?: number | undefined;
        readonly onFull?: F | undefined;
    } | undefined;
}
export type ErrorOf<F extends "wait" | "reject", Rt extends RateOptions | undefined> = ("reject" extends F ? Limiter.LimiterError : never) | ([Rt] extends [undefined] ? never : Rt extends {
    readonly onStoreFailure: "die" | "admit";
} ? never : RateLimiterError);
export interface KeyStats {
    readonly bound: number;
    readonly running: number;
    readonly waiting: number;
    readonly peak: number;
    readonly paused: boolean;
}
export interface Stats extends Limiter.Stats {
    readonly keys: ReadonlyMap<string, KeyStats>;
}
export interface KeyedLimiter<out E = never> {
    readonly name: string | undefined;
    readonly for: (key: string) => Limiter.Limiter<E>;
    readonly resize: (permits: number) => Effect.Effect<void>;
    readonly pause: Effect.Effect<void>;
    readonly resume: Effect.Effect<void>;
    readonly stats: Effect.Effect<Stats>;
}
export declare const make: <const F extends "wait" | "reject" = "wait", const Rt extends RateOptions | undefined = undefined>(options: Options<F, Rt>) => Effect.Effect<KeyedLimiter<ErrorOf<F, Rt>>>;
export declare const makeUnsafe: <const F extends "wait" | "reject" = "wait", const Rt extends RateOptions | undefined = undefined>(options: Options<F, Rt>) => KeyedLimiter<ErrorOf<F, Rt>>;

// ---- @skein/parallel/Options -----------------------------------------------------------------------------

import type * as GatherResult from "@skein/core/GatherResult";
import type * as Limiter from "@skein/core/Limiter";
import type * as Outcome from "@skein/core/Outcome";
import type * as Progress from "@skein/core/Progress";
import type * as Settings from "@skein/core/Settings";
import type * as Duration from "effect/Duration";
import type * as Effect from "effect/Effect";
import type * as Stream from "effect/Stream";
export type Source<T, E = unknown, R = unknown> = Iterable<T> | AsyncIterable<T> | Stream.Stream<T, E, R>;
export type ItemOf<S> = S extends Iterable<infer T> ? T : S extends Stream.Stream<infer T, infer _E, infer _R> ? T : S extends AsyncIterable<infer T> ? T : never;
export type SourceError<S, A, E> = S extends Iterable<unknown> ? never : S extends Stream.Stream<infer _T, infer C, infer _R> ? [C] extends [never] ? never : SourceFailed<A, E, C> : S extends AsyncIterable<unknown> ? SourceFailed<A, E> : never;
export type SourceServices<S> = S extends Iterable<unknown> ? never : S extends Stream.Stream<infer _T, infer _E, infer R> ? R : never;
export type OnFailure = "isolate" | "interrupt";
export type OnTimeout = "partial" | "fail";
export interface Options<in A, in E, F extends OnFailure = OnFailure, D extends OnTimeout = OnTimeout> {
    readonly concurrency?: number | "unbounded" | undefined;
    readonly timeout?: Duration.Input | undefined;
    readonly taskTimeout?: Duration.Input | undefined;
    readonly attemptTimeout?: Duration.Input | undefined;
    readonly queueTimeout?: Duration.Input | undefined;
    readonly onFailure?: F | undefined;
    readonly onTimeout?: D | undefined;
    readonly retry?: Settings.RetryOptions<E> | undefined;
    readonly grace?: Duration.Input | undefined;
    readonly stop?: AbortSignal | Effect.Effect<unknown> | undefined;
    readonly limiter?: Limiter.Limiter<never> | undefined;
    readonly priority?: Limiter.Priority | undefined;
    readonly name?: string | undefined;
    readonly span?: string | undefined;
    readonly metrics?: string | undefined;
    readonly onOutcome?: ((outcome: Outcome.Outcome<A, E>) => void) | undefined;
    readonly onProgress?: ((progress: Progress.Progress) => void) | undefined;
}
export interface MapOptions<in T, in A, in E, F extends OnFailure = OnFailure, D extends OnTimeout = OnTimeout> extends Options<A, E, F, D> {
    readonly nameOf?: ((item: T, index: number) => string) | undefined;
}
declare const GatherTimeout_base: new <A_1 extends Record<string, any> = {}>(args: import("effect/Types").VoidIfEmpty<{ readonly [P in keyof A_1 as P extends "_tag" ? never : P]: A_1[P]; }>) => import("effect/Cause").YieldableError & {
    readonly _tag: "GatherTimeout";
} & Readonly<A_1>;
export declare class GatherTimeout<A, E> extends GatherTimeout_base<{
    readonly result: GatherResult.GatherResult<A, E, unknown>;
}> {
    get message(): string;
}
declare const SourceFailed_base: new <A_1 extends Record<string, any> = {}>(args: import("effect/Types").VoidIfEmpty<{ readonly [P in keyof A_1 as P extends "_tag" ? never : P]: A_1[P]; }>) => import("effect/Cause").YieldableError & {
    readonly _tag: "SourceFailed";
} & Readonly<A_1>;
export declare class SourceFailed<A, E, C = unknown> extends SourceFailed_base<{
    readonly cause: C;
    readonly partial: GatherResult.GatherResult<A, E, unknown>;
    readonly pulled?: number | undefined;
}> {
    get message(): string;
}
export {};

// ---- @skein/parallel/ParallelExecutor --------------------------------------------------------------------

import type * as GatherResult from "@skein/core/GatherResult";
import type * as Limiter from "@skein/core/Limiter";
import type * as Settings from "@skein/core/Settings";
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import * as Scope from "effect/Scope";
import type { FanOutOptions } from "./fanOut.ts";
import type { Joiner } from "./Joiner.ts";
import type { GatherTimeout, ItemOf, MapOptions, Options, Source, SourceError, SourceServices } from "./Options.ts";
import type { EffectsOf, Outcomes } from "./parallelGather.ts";
declare const ExecutorClosed_base: new <A extends Record<string, any> = {}>(args: import("effect/Types").VoidIfEmpty<{ readonly [P in keyof A as P extends "_tag" ? never : P]: A[P]; }>) => import("effect/Cause").YieldableError & {
    readonly _tag: "ExecutorClosed";
} & Readonly<A>;
export declare class ExecutorClosed extends ExecutorClosed_base<{
    readonly executor: string | undefined;
    readonly partial: GatherResult.GatherResult<unknown, unknown, unknown> | undefined;
    readonly pulled?: number | undefined;
}> {
    get message(): string;
}
export interface MakeOptions extends Pick<Options<never, never>, "timeout" | "taskTimeout" | "attemptTimeout" | "queueTimeout" | "grace" | "span" | "metrics"> {
    readonly concurrency?: number | undefined;
    readonly name?: string | undefined;
    readonly retry?: Settings.RetryOptions<unknown> | undefined;
}
export interface CallOptions<in A, in E, F extends "isolate" | "interrupt" = "isolate", D extends "partial" | "fail" = "partial"> extends Omit<Options<A, E, F, D>, "limiter"> {
}
export interface CallMapOptions<in T, in A, in E, F extends "isolate" | "interrupt" = "isolate", D extends "partial" | "fail" = "partial"> extends Omit<MapOptions<T, A, E, F, D>, "limiter"> {
}
export interface Stats {
    readonly permits: number;
    readonly running: number;
    readonly waiting: number;
    readonly peak: number;
    readonly abandoned: number;
    readonly calls: number;
    readonly tasks: Readonly<Record<"completed" | "failed" | "timedOut" | "cancelled" | "notStarted", number>>;
    readonly closed: boolean;
}
export interface ParallelExecutor {
    readonly name: string | undefined;
    readonly limiter: Limiter.Limiter;
    readonly gather: <const Input extends Source<Effect.Effect<any, any, any>> | Readonly<Record<string, Effect.Effect<any, any, any>>>, F extends "isolate" | "interrupt" = "isolate", D extends "partial" | "fail" = "partial">(effects: Input, options?: CallOptions<Effect.Success<EffectsOf<NoInfer<Input>>>, Effect.Error<EffectsOf<NoInfer<Input>>>, F, D>) => Effect.Effect<GatherResult.GatherResult<Effect.Success<EffectsOf<Input>>, Effect.Error<EffectsOf<Input>>, Outcomes<Input>>, Failure<Effect.Success<EffectsOf<Input>>, Effect.Error<EffectsOf<Input>>, F, D> | SourceError<Input, Effect.Success<EffectsOf<Input>>, Effect.Error<EffectsOf<Input>>>, Effect.Services<EffectsOf<Input>> | SourceServices<Input>>;
    readonly map: <Items extends Source<unknown>, A, E, R, F extends "isolate" | "interrupt" = "isolate", D extends "partial" | "fail" = "partial">(items: Items, f: (item: ItemOf<Items>, index: number) => Effect.Effect<A, E, R>, options?: CallMapOptions<ItemOf<Items>, NoInfer<A>, NoInfer<E>, F, D>) => Effect.Effect<GatherResult.GatherResult<A, E>, Failure<A, E, F, D> | SourceError<Items, A, E>, R | SourceServices<Items>>;
    readonly fanOut: <const Effects extends Source<Effect.Effect<any, any, any>>, B, E2>(effects: Effects, joiner: Joiner<Effect.Success<ItemOf<Effects>>, Effect.Error<ItemOf<Effects>>, B, E2>, options?: Omit<FanOutOptions<Effect.Success<ItemOf<NoInfer<Effects>>>, Effect.Error<ItemOf<NoInfer<Effects>>>>, "limiter">) => Effect.Effect<B, E2 | ExecutorClosed | SourceError<Effects, Effect.Success<ItemOf<Effects>>, Effect.Error<ItemOf<Effects>>>, Effect.Services<ItemOf<Effects>> | SourceServices<Effects>>;
    readonly stats: Effect.Effect<Stats>;
    readonly awaitClosed: Effect.Effect<void>;
}
export type Failure<A, E, F, D> = ("interrupt" extends F ? E : never) | ("fail" extends D ? GatherTimeout<A, E> : never) | ExecutorClosed;
export declare const ParallelExecutor: Context.Service<ParallelExecutor, ParallelExecutor>;
export declare const make: (options?: MakeOptions) => Effect.Effect<ParallelExecutor, never, Scope.Scope>;
export declare const layer: (options?: MakeOptions) => Layer.Layer<ParallelExecutor>;
export {};

// ---- @skein/parallel/ParallelExecutorStream --------------------------------------------------------------

import type * as Outcome from "@skein/core/Outcome";
import * as Duration from "effect/Duration";
import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";
import type { ItemOf, OnFailure, Source, SourceError, SourceServices } from "./Options.ts";
import type { ExecutorClosed, ParallelExecutor, Stats } from "./ParallelExecutor.ts";
import type { StreamOptions } from "./parallelStream.ts";
export interface CallStreamOptions<in T, in A, in E, F extends OnFailure = OnFailure> extends Omit<StreamOptions<T, A, E, F>, "limiter"> {
}
export declare const stream: <Items extends Source<unknown>, A, E, R, F extends "isolate" | "interrupt" = "isolate">(executor: ParallelExecutor, items: Items, f: (item: ItemOf<Items>, index: number) => Effect.Effect<A, E, R>, options?: CallStreamOptions<ItemOf<Items>, NoInfer<A>, NoInfer<E>, F>) => Stream.Stream<Outcome.Outcome<A, E>, ("interrupt" extends F ? E : never) | SourceError<Items, A, E> | ExecutorClosed, R | SourceServices<Items>>;
export declare const stats: (executor: Pick<ParallelExecutor, "stats" | "awaitClosed">, options?: {
    readonly every?: Duration.Input | undefined;
}) => Stream.Stream<Stats>;

// ---- @skein/parallel/Task --------------------------------------------------------------------------------

import type * as GatherResult from "@skein/core/GatherResult";
import * as Effect from "effect/Effect";
import type * as Layer from "effect/Layer";
import * as Schema from "effect/Schema";
import type { GatherTimeout, ItemOf, MapOptions, Source, SourceError, SourceServices } from "./Options.ts";
import * as TaskRunner from "./TaskRunner.ts";
export type AnySchema = Schema.ConstraintCodec<unknown, unknown>;
export interface CallOptions {
    readonly priority?: "high" | "normal" | "low" | undefined;
}
export interface Task<in P, out A, out E = never> {
    (payload: P, options?: CallOptions | number): Effect.Effect<A, E | TaskRunner.TaskRunnerError>;
    readonly name: string;
    readonly definition: TaskRunner.Definition;
    readonly json: Json;
}
export interface Json {
    readonly payload: JsonText;
    readonly success: JsonText;
    readonly error: JsonText;
}
export interface JsonText {
    readonly read: (text: string) => unknown;
    readonly write: (value: unknown) => string;
}
export interface EffectOptions<P extends AnySchema, A extends AnySchema, E extends AnySchema, R> {
    readonly module?: {
        readonly url: string;
        readonly main?: boolean | undefined;
    } | URL | string | undefined;
    readonly export?: string | undefined;
    readonly payload: P;
    readonly success: A;
    readonly error?: E | undefined;
    readonly run: (payload: P["Type"]) => Effect.Effect<A["Type"], NoInfer<E>["Type"], NoInfer<R>> | NoInfer<A>["Type"] | PromiseLike<NoInfer<A>["Type"]>;
    readonly layer?: Layer.Layer<R, unknown> | undefined;
    readonly idempotent?: boolean | undefined;
}
export interface HandlerOptions<P extends AnySchema, A extends AnySchema, E extends AnySchema> {
    readonly handler: {
        readonly module: URL | string;
        readonly export: string;
    };
    readonly payload: P;
    readonly success: A;
    readonly error?: E | undefined;
    readonly idempotent?: boolean | undefined;
}
export declare const make: {
    <P extends AnySchema, A extends AnySchema, E extends AnySchema = typeof Schema.Never>(name: string, options: HandlerOptions<P, A, E>): Task<P["Type"], A["Type"], E["Type"]>;
    <P extends AnySchema, A extends AnySchema, E extends AnySchema = typeof Schema.Never, R = never>(name: string, options: EffectOptions<P, A, E, R>): Task<P["Type"], A["Type"], E["Type"]>;
};
type BufferType = typeof ArrayBuffer | typeof SharedArrayBuffer | typeof DataView | typeof Int8Array | typeof Uint8Array | typeof Uint8ClampedArray | typeof Int16Array | typeof Uint16Array | typeof Int32Array | typeof Uint32Array | typeof Float32Array | typeof Float64Array | typeof BigInt64Array | typeof BigUint64Array;
export declare const buffer: <T extends BufferType>(type: T, options?: {
    readonly transfer?: boolean | undefined;
}) => Schema.declare<InstanceType<T>>;
export declare const map: <Items extends Source<unknown>, A, E, F extends "isolate" | "interrupt" = "isolate", D extends "partial" | "fail" = "partial">(task: Task<ItemOf<Items>, A, E>, items: Items, options?: MapOptions<ItemOf<Items>, NoInfer<A>, NoInfer<E> | TaskRunner.TaskRunnerError, F, D>) => Effect.Effect<GatherResult.GatherResult<A, E | TaskRunner.TaskRunnerError>, ("interrupt" extends F ? E | TaskRunner.TaskRunnerError : never) | ("fail" extends D ? GatherTimeout<A, E | TaskRunner.TaskRunnerError> : never) | SourceError<Items, A, E | TaskRunner.TaskRunnerError>, SourceServices<Items>>;
export {};

// ---- @skein/parallel/TaskHandler -------------------------------------------------------------------------

import type { Answer, HostHandle, HostPort, Meta, Wire } from "./TaskRunner.ts";
export interface Report {
    readonly done?: number | undefined;
    readonly total?: number | undefined;
    readonly message?: string | undefined;
}
export interface Context {
    readonly signal: AbortSignal;
    readonly report: (report: Report) => void;
    readonly log: (message: unknown, options?: {
        readonly level?: "Trace" | "Debug" | "Info" | "Warn" | "Error" | "Fatal" | undefined;
        readonly annotations?: {
            readonly [key: string]: unknown;
        } | undefined;
    }) => void;
    readonly remaining: () => number | undefined;
}
export declare const execute: (handler: (payload: never, context: Context) => unknown) => (payload: Wire, meta: Meta | undefined, port: HostPort) => HostHandle;
export declare const broken: (error: unknown) => Answer;

// ---- @skein/parallel/TaskRunner --------------------------------------------------------------------------

import * as Cause from "effect/Cause";
import * as Context from "effect/Context";
import type * as Effect from "effect/Effect";
export type Reason = {
    readonly _tag: "Rejected";
    readonly message: string;
} | {
    readonly _tag: "Full";
    readonly queued: number;
} | {
    readonly _tag: "MainModule";
    readonly module: string;
} | {
    readonly _tag: "ModuleNotFound";
    readonly module: string;
    readonly message: string;
} | {
    readonly _tag: "NotReady";
    readonly message: string;
} | {
    readonly _tag: "Closed";
} | {
    readonly _tag: "Lost";
    readonly worker: number;
    readonly exitCode: number | null;
    readonly signal: string | null;
    readonly culprit: boolean;
    readonly message?: string | undefined;
} | {
    readonly _tag: "Unserializable";
    readonly message: string;
};
declare const TaskRunnerError_base: new <A extends Record<string, any> = {}>(args: import("effect/Types").VoidIfEmpty<{ readonly [P in keyof A as P extends "_tag" ? never : P]: A[P]; }>) => Cause.YieldableError & {
    readonly _tag: "TaskRunnerError";
} & Readonly<A>;
export declare class TaskRunnerError extends TaskRunnerError_base<{
    readonly task: string;
    readonly flavour: string;
    readonly reason: Reason;
}> {
    get mayHaveRun(): "no" | "maybe" | "yes";
    get message(): string;
}
export interface Killed {
    readonly flavour: string;
    readonly worker: number;
}
export declare const killed: (what: Killed) => Cause.Cause<never>;
export declare const killedIn: (cause: Cause.Cause<unknown>) => Killed | undefined;
export interface Wire {
    readonly text: string;
    readonly parts?: ReadonlyArray<unknown> | undefined;
    readonly transfer?: ReadonlyArray<ArrayBuffer> | undefined;
}
export interface Definition {
    readonly name: string;
    readonly module: string;
    readonly export: string;
    readonly kind: "effect" | "handler";
    readonly main: boolean;
    readonly idempotent: boolean;
}
export interface Meta {
    readonly name?: string | undefined;
    readonly remaining?: number | undefined;
    readonly level?: string | undefined;
    readonly span?: {
        readonly traceId: string;
        readonly spanId: string;
        readonly sampled: boolean;
    } | undefined;
    readonly chunk?: Chunk | undefined;
    readonly stream?: {
        readonly buffer: number;
    } | undefined;
}
export interface Chunk {
    readonly items: number;
    readonly numbers?: boolean | undefined;
    readonly bytes?: {
        readonly type: string;
        readonly lengths: ReadonlyArray<number>;
    } | undefined;
    readonly gives?: boolean | undefined;
    readonly coded?: ReadonlyArray<number> | undefined;
    readonly names?: ReadonlyArray<string | undefined> | undefined;
    readonly limit?: number | undefined;
    readonly journal?: boolean | undefined;
}
export interface Call {
    readonly task: Definition;
    readonly payload: Wire;
    readonly meta: Meta | undefined;
    readonly priority: "high" | "normal" | "low";
    readonly items?: number | undefined;
    readonly onMessage: (text: string) => void;
    readonly onOpen?: ((send: (text: string) => void) => void) | undefined;
    readonly onWaits?: ((waits: boolean) => void) | undefined;
    readonly onLate?: ((answer: Answer) => void) | undefined;
}
export interface Answer extends Wire {
    readonly ok: boolean;
}
export interface TaskRunner {
    readonly flavour: string;
    readonly run?: ((call: Call) => Effect.Effect<Answer, TaskRunnerError>) | undefined;
    readonly chunks?: Chunks | undefined;
}
export interface Chunks {
    readonly width: number;
    readonly size: (task: Definition, left: number) => number;
    readonly shared?: boolean | undefined;
}
export interface Host {
    readonly execute: (payload: Wire, meta: Meta | undefined, port: HostPort) => HostHandle;
    readonly close?: (() => Promise<void>) | undefined;
}
export interface HostPort {
    readonly settle: (answer: Answer) => void;
    readonly send: (text: string) => void;
    readonly context?: Context.Context<never> | undefined;
}
export interface HostHandle {
    readonly interrupt: () => void;
    readonly receive: (text: string) => void;
}
export declare const inline: TaskRunner;
export declare const TaskRunner: Context.Reference<TaskRunner>;
export {};

// ---- @skein/parallel/TaskStream --------------------------------------------------------------------------

import type * as Layer from "effect/Layer";
import * as Schema from "effect/Schema";
import * as Stream from "effect/Stream";
import type { AnySchema } from "./Task.ts";
import * as TaskRunner from "./TaskRunner.ts";
export interface CallOptions {
    readonly priority?: "high" | "normal" | "low" | undefined;
    readonly buffer?: number | undefined;
}
export interface TaskStream<in P, out A, out E = never> {
    (payload: P, options?: CallOptions | number): Stream.Stream<A, E | TaskRunner.TaskRunnerError>;
    readonly name: string;
    readonly definition: TaskRunner.Definition;
}
export interface Options<P extends AnySchema, A extends AnySchema, E extends AnySchema, R> {
    readonly module?: {
        readonly url: string;
        readonly main?: boolean | undefined;
    } | URL | string | undefined;
    readonly export?: string | undefined;
    readonly payload: P;
    readonly success: A;
    readonly error?: E | undefined;
    readonly run: (payload: P["Type"]) => Stream.Stream<A["Type"], NoInfer<E>["Type"], NoInfer<R>>;
    readonly layer?: Layer.Layer<R, unknown> | undefined;
}
export declare const make: <P extends AnySchema, A extends AnySchema, E extends AnySchema = typeof Schema.Never, R = never>(name: string, options: Options<P, A, E, R>) => TaskStream<P["Type"], A["Type"], E["Type"]>;

// ---- @skein/parallel/ThrottledLimiter --------------------------------------------------------------------

import * as Limiter from "@skein/core/Limiter";
import type * as Duration from "effect/Duration";
import * as Effect from "effect/Effect";
import type { RateLimiter, RateLimiterError } from "effect/persistence/RateLimiter";
export type OnStoreFailure = "fail" | "die" | "admit";
export interface RateOptions<S extends OnStoreFailure = OnStoreFailure> {
    readonly limiter: RateLimiter;
    readonly limit: number;
    readonly window: Duration.Input;
    readonly algorithm?: "token-bucket" | "fixed-window" | undefined;
    readonly onStoreFailure?: S | undefined;
}
export interface Options<out E = unknown, S extends OnStoreFailure = OnStoreFailure> {
    readonly limiter: Limiter.Limiter<E>;
    readonly rate: RateOptions<S> & {
        readonly key: string;
    };
}
export declare const make: <E, const S extends OnStoreFailure = "fail">(options: Options<E, S>) => Effect.Effect<Limiter.Limiter<E | ("fail" extends S ? RateLimiterError : never)>>;
export declare const makeUnsafe: <E, const S extends OnStoreFailure = "fail">(options: Options<E, S>) => Limiter.Limiter<E | ("fail" extends S ? RateLimiterError : never)>;

// ---- @skein/parallel/fanOut ------------------------------------------------------------------------------

import * as Effect from "effect/Effect";
import type { Joiner } from "./Joiner.ts";
import type { ItemOf, Options, Source, SourceError, SourceServices } from "./Options.ts";
export interface FanOutOptions<in A, in E> extends Omit<Options<A, E>, "onFailure" | "onTimeout"> {
}
export declare const fanOut: <const Effects extends Source<Effect.Effect<any, any, any>>, B, E2>(effects: Effects, joiner: Joiner<Effect.Success<ItemOf<Effects>>, Effect.Error<ItemOf<Effects>>, B, E2>, options?: FanOutOptions<Effect.Success<ItemOf<NoInfer<Effects>>>, Effect.Error<ItemOf<NoInfer<Effects>>>>) => Effect.Effect<B, E2 | SourceError<Effects, Effect.Success<ItemOf<Effects>>, Effect.Error<ItemOf<Effects>>>, Effect.Services<ItemOf<Effects>> | SourceServices<Effects>>;

// ---- @skein/parallel/parallelGather ----------------------------------------------------------------------

import type * as GatherResult from "@skein/core/GatherResult";
import type * as Outcome from "@skein/core/Outcome";
import type * as Effect from "effect/Effect";
import type { GatherTimeout, ItemOf, Options, Source, SourceError, SourceServices } from "./Options.ts";
type ErrorOf<Eff> = [Eff] extends [Effect.Effect<infer _A, infer E, infer _R>] ? E : never;
type Result<Eff, Outcomes> = GatherResult.GatherResult<Effect.Success<Eff>, ErrorOf<Eff>, Outcomes>;
type Errors<Eff, F, D> = ("interrupt" extends F ? ErrorOf<Eff> : never) | ("fail" extends D ? GatherTimeout<Effect.Success<Eff>, ErrorOf<Eff>> : never);
type OutcomeOf<Eff> = Eff extends Effect.Effect<infer A, infer E, infer _R> ? Outcome.Outcome<A, E> : never;
export type Outcomes<Input> = Input extends ReadonlyArray<Effect.Effect<any, any, any>> ? {
    readonly [K in keyof Input]: OutcomeOf<Input[K]>;
} : Input extends Source<infer _Eff> ? ReadonlyArray<OutcomeOf<ItemOf<Input>>> : {
    readonly [K in keyof Input]: OutcomeOf<Input[K]>;
};
export type EffectsOf<Input> = Input extends Source<infer _Eff> ? ItemOf<Input> : Input[keyof Input];
export declare const parallelGather: <const Input extends Source<Effect.Effect<any, any, any>> | Readonly<Record<string, Effect.Effect<any, any, any>>>, F extends "isolate" | "interrupt" = "isolate", D extends "partial" | "fail" = "partial">(effects: Input, options?: Options<Effect.Success<EffectsOf<NoInfer<Input>>>, ErrorOf<EffectsOf<NoInfer<Input>>>, F, D>) => Effect.Effect<Result<EffectsOf<Input>, Outcomes<Input>>, Errors<EffectsOf<Input>, F, D> | SourceError<Input, Effect.Success<EffectsOf<Input>>, ErrorOf<EffectsOf<Input>>>, Effect.Services<EffectsOf<Input>> | SourceServices<Input>>;
export {};

// ---- @skein/parallel/parallelMap -------------------------------------------------------------------------

import type * as GatherResult from "@skein/core/GatherResult";
import type * as Effect from "effect/Effect";
import type { GatherTimeout, ItemOf, MapOptions, Source, SourceError, SourceServices } from "./Options.ts";
export declare const parallelMap: <Items extends Source<unknown>, A, E, R, F extends "isolate" | "interrupt" = "isolate", D extends "partial" | "fail" = "partial">(items: Items, f: (item: ItemOf<Items>, index: number) => Effect.Effect<A, E, R>, options?: MapOptions<ItemOf<Items>, NoInfer<A>, NoInfer<E>, F, D>) => Effect.Effect<GatherResult.GatherResult<A, E>, ("interrupt" extends F ? E : never) | ("fail" extends D ? GatherTimeout<A, E> : never) | SourceError<Items, A, E>, R | SourceServices<Items>>;

// ---- @skein/parallel/parallelStream ----------------------------------------------------------------------

import type * as Outcome from "@skein/core/Outcome";
import * as Effect from "effect/Effect";
import type * as Stream from "effect/Stream";
import type { ItemOf, MapOptions, OnFailure, Source, SourceError, SourceServices } from "./Options.ts";
export interface StreamOptions<in T, in A, in E, F extends OnFailure = OnFailure> extends Omit<MapOptions<T, A, E, F>, "onTimeout"> {
    readonly order?: "completion" | "input" | undefined;
    readonly buffer?: number | undefined;
}
export declare const parallelStream: <Items extends Source<unknown>, A, E, R, F extends "isolate" | "interrupt" = "isolate">(items: Items, f: (item: ItemOf<Items>, index: number) => Effect.Effect<A, E, R>, options?: StreamOptions<ItemOf<Items>, NoInfer<A>, NoInfer<E>, F>) => Stream.Stream<Outcome.Outcome<A, E>, ("interrupt" extends F ? E : never) | SourceError<Items, A, E>, R | SourceServices<Items>>;

// ---- @skein/parallel/promise -----------------------------------------------------------------------------

import type { Executor, ExecutorOptions } from "./internal/promiseExecutorTypes.ts";
import type { Joiner } from "./internal/promiseJoiner.ts";
import type { SkipMark, StopMark } from "./internal/promiseMarks.ts";
import type { CallOptions, Functions, GatherOptions, GatherResult, Items, MapOptions, Outcome, OutcomesOf, StreamOptions, TaskContext, TaskFunction, ValuesIn, ValuesOf } from "./internal/promiseTypes.ts";
export { backoff } from "./internal/promiseBackoff.ts";
export { ExecutorClosed, GatherIncomplete, GatherTimeout, JoinError, resultOf, SourceFailed, TasksFailed, TaskStopped } from "./internal/promiseErrors.ts";
export type * from "./internal/promiseExecutorTypes.ts";
export { all, best, decided, first, firstN, type Fold, type Joiner, type JoinerOptions, make, merge, next, quorum, reduce, type Start, type Step, until } from "./internal/promiseJoiner.ts";
export { skip, type SkipMark, stop, type StopMark } from "./internal/promiseMarks.ts";
export type * from "./internal/promiseTypes.ts";
export declare const parallelMap: <T, A>(items: Items<T>, f: (item: T, index: number, task: TaskContext) => A | SkipMark | StopMark | PromiseLike<A | SkipMark | StopMark>, options?: MapOptions<T, A>) => Promise<GatherResult<A>>;
export declare const parallelGather: <const Input extends Functions>(functions: Input, options?: GatherOptions<ValuesIn<NoInfer<Input>>>) => Promise<GatherResult<ValuesIn<Input>, OutcomesOf<Input>, ValuesOf<Input>>>;
export declare const parallelStream: <T, A>(items: Items<T>, f: (item: T, index: number, task: TaskContext) => A | SkipMark | StopMark | PromiseLike<A | SkipMark | StopMark>, options?: StreamOptions<T, A>) => AsyncIterable<Outcome<A>>;
export declare const fanOut: <A, B>(functions: Iterable<TaskFunction<A>> | AsyncIterable<TaskFunction<A>>, joiner: Joiner<A, B>, options?: CallOptions<A>) => Promise<Awaited<B>>;
export declare const createExecutor: (options?: ExecutorOptions) => Executor;
export declare const unwrap: <Values>(result: GatherResult<unknown, unknown, Values>) => Required<Values>;

// ---- @skein/parallel/internal/promiseBackoff -------------------------------------------------------------

import type { Time } from "./promiseTypes.ts";
export declare const backoff: (options?: {
    readonly from?: Time | undefined;
    readonly factor?: number | undefined;
    readonly max?: Time | undefined;
    readonly jitter?: number | undefined;
}) => ((attempts: number) => number);

// ---- @skein/parallel/internal/promiseExecutorTypes -------------------------------------------------------

import type { Joiner } from "./promiseJoiner.ts";
import type { SkipMark, StopMark } from "./promiseMarks.ts";
import type { CallOptions, Functions, GatherOptions, GatherResult, Items, MapOptions, Outcome, OutcomesOf, PriorityOption, StreamOptions, TaskContext, TaskFunction, TaskOptions, Time, ValuesIn, ValuesOf } from "./promiseTypes.ts";
export interface ExecutorOptions extends TaskOptions {
    readonly concurrency?: number | "unbounded" | undefined;
    readonly rate?: {
        readonly limit: number;
        readonly per: Time;
    } | undefined;
}
export interface RunOptions extends PriorityOption {
    readonly signal?: AbortSignal | undefined;
    readonly within?: TaskContext | undefined;
    readonly taskTimeout?: Time | undefined;
    readonly name?: string | undefined;
}
export interface Stats {
    readonly concurrency: number;
    readonly running: number;
    readonly waiting: number;
    readonly peak: number;
    readonly calls: number;
    readonly tasks: Readonly<Record<"completed" | "failed" | "timedOut" | "cancelled" | "notStarted", number>>;
    readonly paused: boolean;
    readonly closed: boolean;
}
export interface Executor {
    readonly name: string | undefined;
    readonly stats: Stats;
    readonly run: <A>(f: (task: TaskContext) => A | PromiseLike<A>, options?: RunOptions) => Promise<A>;
    readonly map: <T, A>(items: Items<T>, f: (item: T, index: number, task: TaskContext) => A | SkipMark | StopMark | PromiseLike<A | SkipMark | StopMark>, options?: MapOptions<T, A> & PriorityOption) => Promise<GatherResult<A>>;
    readonly gather: <const Input extends Functions>(functions: Input, options?: GatherOptions<ValuesIn<NoInfer<Input>>> & PriorityOption) => Promise<GatherResult<ValuesIn<Input>, OutcomesOf<Input>, ValuesOf<Input>>>;
    readonly stream: <T, A>(items: Items<T>, f: (item: T, index: number, task: TaskContext) => A | SkipMark | StopMark | PromiseLike<A | SkipMark | StopMark>, options?: StreamOptions<T, A> & PriorityOption) => AsyncIterable<Outcome<A>>;
    readonly fanOut: <A, B>(functions: Iterable<TaskFunction<A>> | AsyncIterable<TaskFunction<A>>, joiner: Joiner<A, B>, options?: CallOptions<A> & PriorityOption) => Promise<Awaited<B>>;
    readonly pause: () => void;
    readonly resume: () => void;
    readonly resize: (concurrency: number | "unbounded") => void;
    readonly clear: (reason?: unknown) => number;
    readonly whenIdle: () => Promise<void>;
    readonly whenWaitingBelow: (count: number) => Promise<void>;
    readonly whenRunningBelow: (count: number) => Promise<void>;
    readonly close: () => Promise<void>;
    readonly [Symbol.asyncDispose]: () => Promise<void>;
}

// ---- @skein/parallel/internal/promiseJoiner --------------------------------------------------------------

import type { GatherResult, Outcome } from "./promiseTypes.ts";
export type Joiner<A, B> = (start: Start<A>) => Fold<A, B>;
export interface Start<out A> {
    readonly total: number;
    readonly "~value"?: A;
}
export interface Fold<in A, out B> {
    readonly onOutcome: (outcome: Outcome<A>) => boolean;
    readonly isPossible: (left: number) => boolean;
    readonly onEnd: (result: GatherResult<A>) => B | PromiseLike<B>;
}
export interface Step<out S> {
    readonly decided: boolean;
    readonly state: S;
}
export declare const next: <S>(state: S) => Step<S>;
export declare const decided: <S>(state: S) => Step<S>;
export interface JoinerOptions<S, in A, out B> {
    readonly initial: () => S;
    readonly onOutcome: (state: S, outcome: Outcome<A>) => Step<S>;
    readonly isPossible?: ((state: S, left: number) => boolean) | undefined;
    readonly onEnd: (state: S, result: GatherResult<A>) => B | PromiseLike<B>;
}
export declare const make: <S, A, B>(options: JoinerOptions<S, A, B>) => Joiner<A, B>;
export declare const all: (options?: {
    readonly onFailure?: "interrupt" | "collect" | undefined;
}) => (<A>(start: Start<A>) => Fold<A, ReadonlyArray<A>>);
export declare const first: () => (<A>(start: Start<A>) => Fold<A, A>);
export declare const firstN: (n: number) => (<A>(start: Start<A>) => Fold<A, ReadonlyArray<A>>);
export declare const quorum: (n: number) => (<A>(start: Start<A>) => Fold<A, ReadonlyArray<A>>);
export declare const merge: <A, B>(f: (values: ReadonlyArray<A>, result: GatherResult<A>) => B | PromiseLike<B>, options?: {
    readonly atLeast?: number | undefined;
}) => Joiner<A, B>;
export declare const reduce: <A, B>(initial: () => B, f: (accumulated: B, outcome: Outcome<A>) => B) => Joiner<A, B>;
export declare const best: <O>(compare: (a: O, b: O) => number) => (<A extends O>(start: Start<A>) => Fold<A, A>);
export declare const until: <A>(predicate: (outcome: Outcome<A>) => boolean) => Joiner<A, GatherResult<A>>;

// ---- @skein/parallel/internal/promiseMarks ---------------------------------------------------------------

export declare const skip: unique symbol;
export declare const stop: unique symbol;
export type SkipMark = typeof skip;
export type StopMark = typeof stop;

// ---- @skein/parallel/internal/promiseTypes ---------------------------------------------------------------

import type * as Core from "@skein/core/Outcome";
import type { SkipMark, StopMark } from "./promiseMarks.ts";
export type Time = number | "Infinity" | `${number} ${"milli" | "millis" | "second" | "seconds" | "minute" | "minutes" | "hour" | "hours" | "day" | "days"}`;
export interface Report {
    readonly done?: number | undefined;
    readonly total?: number | undefined;
    readonly message?: string | undefined;
}
export interface Progress extends Report {
    readonly index: number;
    readonly name: string | undefined;
}
export interface TaskContext {
    readonly signal: AbortSignal;
    readonly index: number;
    readonly name: string | undefined;
    readonly attempt: number;
    readonly remaining: () => number;
    readonly report: (report: Report) => void;
}
export type TaskFunction<A = unknown> = (task: TaskContext) => A | SkipMark | StopMark | PromiseLike<A | SkipMark | StopMark>;
export interface Reason {
    readonly _tag: Core.Reason["_tag"];
    readonly index?: number | undefined;
    readonly name?: string | undefined;
    readonly at?: number | undefined;
    readonly after?: number | undefined;
    readonly value?: unknown;
    readonly because?: Reason | undefined;
}
export type Limit = "task" | "attempt" | "queue" | "call" | "deadline";
export interface Info {
    readonly index: number;
    readonly name: string | undefined;
    readonly attempts: number;
    readonly attemptErrors: ReadonlyArray<unknown>;
    readonly abandoned: boolean;
    readonly queuedAt: number | undefined;
    readonly startedAt: number | undefined;
    readonly endedAt: number | undefined;
    readonly queuedFor: number | undefined;
    readonly ranFor: number | undefined;
}
export interface Completed<out A> extends Info {
    readonly status: "completed";
    readonly value: A;
    readonly late: boolean;
}
export interface Skipped extends Info {
    readonly status: "skipped";
    readonly late: boolean;
}
export interface Failed extends Info {
    readonly status: "failed";
    readonly error: unknown;
    readonly otherErrors: ReadonlyArray<unknown>;
}
export interface TimedOut extends Info {
    readonly status: "timeout";
    readonly limit: Limit;
    readonly after: number;
    readonly error?: unknown;
}
export interface Cancelled extends Info {
    readonly status: "cancelled";
    readonly reason: Reason;
    readonly error?: unknown;
}
export interface NotStarted extends Info {
    readonly status: "notStarted";
    readonly reason: Reason;
}
export type Outcome<A> = Completed<A> | Skipped | Failed | TimedOut | Cancelled | NotStarted;
export interface TaskError {
    readonly index: number;
    readonly name: string | undefined;
    readonly error: unknown;
}
export interface Abandoned<out A> {
    readonly index: number;
    readonly name: string | undefined;
    readonly ended: Promise<PromiseSettledResult<A>>;
}
export interface GatherResult<out A, out Outcomes = ReadonlyArray<Outcome<A>>, out Values = ReadonlyArray<A>> {
    readonly outcomes: Outcomes;
    readonly values: Values;
    readonly errors: ReadonlyArray<TaskError>;
    readonly total: number;
    readonly completed: number;
    readonly skipped: number;
    readonly failed: number;
    readonly timedOut: number;
    readonly cancelled: number;
    readonly notStarted: number;
    readonly elapsed: number;
    readonly allSucceeded: boolean;
    readonly successRate: number;
    readonly exhausted: boolean;
    readonly stopped: Reason | undefined;
    readonly stoppedAt: number | undefined;
    readonly abandoned: ReadonlyArray<Abandoned<A>>;
    readonly list: ReadonlyArray<Outcome<A>>;
}
export interface RetryOptions {
    readonly times?: number | undefined;
    readonly delay?: Time | ((attempts: number, error: unknown) => Time) | undefined;
    readonly while?: ((error: unknown) => boolean) | undefined;
    readonly needs?: Time | undefined;
}
export interface TaskOptions {
    readonly taskTimeout?: Time | undefined;
    readonly attemptTimeout?: Time | undefined;
    readonly queueTimeout?: Time | undefined;
    readonly retry?: RetryOptions | undefined;
    readonly grace?: Time | undefined;
    readonly name?: string | undefined;
}
export type OnFailure = "isolate" | "interrupt" | "collect";
export interface CallOptions<in A> extends TaskOptions {
    readonly concurrency?: number | "unbounded" | undefined;
    readonly timeout?: Time | undefined;
    readonly signal?: AbortSignal | undefined;
    readonly within?: TaskContext | undefined;
    readonly onOutcome?: ((outcome: Outcome<A>) => void) | undefined;
    readonly onProgress?: ((progress: Progress) => void) | undefined;
}
export interface GatherOptions<in A> extends CallOptions<A> {
    readonly onFailure?: OnFailure | undefined;
    readonly onTimeout?: "partial" | "fail" | undefined;
    readonly onAbort?: "partial" | "fail" | undefined;
}
export interface MapOptions<in T, in A> extends GatherOptions<A> {
    readonly nameOf?: ((item: T, index: number) => string) | undefined;
}
export interface StreamOptions<in T, in A> extends CallOptions<A> {
    readonly nameOf?: ((item: T, index: number) => string) | undefined;
    readonly onFailure?: "isolate" | "interrupt" | undefined;
    readonly order?: "completion" | "input" | undefined;
    readonly buffer?: number | undefined;
}
export interface PriorityOption {
    readonly priority?: number | undefined;
}
export type Items<T> = Iterable<T | PromiseLike<T>> | AsyncIterable<T | PromiseLike<T>>;
type ValueOf<F> = F extends (task: TaskContext) => infer Out ? Exclude<Awaited<Out>, SkipMark | StopMark> : never;
export type Functions = Iterable<TaskFunction> | AsyncIterable<TaskFunction> | Readonly<Record<string, TaskFunction>>;
export type ValuesIn<Input> = Input extends Iterable<infer F> ? ValueOf<F> : Input extends AsyncIterable<infer F> ? ValueOf<F> : ValueOf<Input[keyof Input]>;
export type OutcomesOf<Input> = Input extends ReadonlyArray<unknown> ? {
    readonly [K in keyof Input]: Outcome<ValueOf<Input[K]>>;
} : Input extends Iterable<unknown> | AsyncIterable<unknown> ? ReadonlyArray<Outcome<ValuesIn<Input>>> : {
    readonly [K in keyof Input]: Outcome<ValueOf<Input[K]>>;
};
export type ValuesOf<Input> = Input extends Iterable<unknown> | AsyncIterable<unknown> ? ReadonlyArray<ValuesIn<Input>> : {
    readonly [K in keyof Input]?: ValueOf<Input[K]>;
};
export {};
