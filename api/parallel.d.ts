// The public declarations of @skein/parallel, made by `pnpm api`. Not edited by hand.

// ---- @skein/parallel -------------------------------------------------------------------------------------

export * from "./Options.ts";
export * as AdaptiveLimiter from "./AdaptiveLimiter.ts";
export { fanOut, type FanOutOptions } from "./fanOut.ts";
export * as Hedge from "./Hedge.ts";
export * as Joiner from "./Joiner.ts";
export * as KeyedLimiter from "./KeyedLimiter.ts";
export * as ParallelExecutor from "./ParallelExecutor.ts";
export { type EffectsOf, type Outcomes, parallelGather } from "./parallelGather.ts";
export { parallelMap } from "./parallelMap.ts";
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
import * as Limiter from "@skein/core/Limiter";
import * as Settings from "@skein/core/Settings";
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import * as Scope from "effect/Scope";
import { type FanOutOptions } from "./fanOut.ts";
import type { Joiner } from "./Joiner.ts";
import type { GatherTimeout, Options } from "./Options.ts";
import { type EffectsOf, type Outcomes } from "./parallelGather.ts";
declare const ExecutorClosed_base: new <A extends Record<string, any> = {}>(args: import("effect/Types").VoidIfEmpty<{ readonly [P in keyof A as P extends "_tag" ? never : P]: A[P]; }>) => import("effect/Cause").YieldableError & {
    readonly _tag: "ExecutorClosed";
} & Readonly<A>;
export declare class ExecutorClosed extends ExecutorClosed_base<{
    readonly executor: string | undefined;
    readonly partial: GatherResult.GatherResult<unknown, unknown, unknown> | undefined;
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
    readonly gather: <const Input extends Iterable<Effect.Effect<any, any, any>> | Readonly<Record<string, Effect.Effect<any, any, any>>>, F extends "isolate" | "interrupt" = "isolate", D extends "partial" | "fail" = "partial">(effects: Input, options?: CallOptions<Effect.Success<EffectsOf<NoInfer<Input>>>, Effect.Error<EffectsOf<NoInfer<Input>>>, F, D>) => Effect.Effect<GatherResult.GatherResult<Effect.Success<EffectsOf<Input>>, Effect.Error<EffectsOf<Input>>, Outcomes<Input>>, Failure<Effect.Success<EffectsOf<Input>>, Effect.Error<EffectsOf<Input>>, F, D>, Effect.Services<EffectsOf<Input>>>;
    readonly map: <T, A, E, R, F extends "isolate" | "interrupt" = "isolate", D extends "partial" | "fail" = "partial">(items: Iterable<T>, f: (item: T, index: number) => Effect.Effect<A, E, R>, options?: CallOptions<NoInfer<A>, NoInfer<E>, F, D>) => Effect.Effect<GatherResult.GatherResult<A, E>, Failure<A, E, F, D>, R>;
    readonly fanOut: <Eff extends Effect.Effect<any, any, any>, B, E2>(effects: Iterable<Eff>, joiner: Joiner<Effect.Success<Eff>, Effect.Error<Eff>, B, E2>, options?: Omit<FanOutOptions<Effect.Success<NoInfer<Eff>>, Effect.Error<NoInfer<Eff>>>, "limiter">) => Effect.Effect<B, E2 | ExecutorClosed, Effect.Services<Eff>>;
    readonly stats: Effect.Effect<Stats>;
    readonly awaitClosed: Effect.Effect<void>;
}
export type Failure<A, E, F, D> = ("interrupt" extends F ? E : never) | ("fail" extends D ? GatherTimeout<A, E> : never) | ExecutorClosed;
export declare const ParallelExecutor: Context.Service<ParallelExecutor, ParallelExecutor>;
export declare const make: (options?: MakeOptions) => Effect.Effect<ParallelExecutor, never, Scope.Scope>;
export declare const layer: (options?: MakeOptions) => Layer.Layer<ParallelExecutor>;
export {};

// ---- @skein/parallel/ParallelExecutorStream --------------------------------------------------------------

import * as Duration from "effect/Duration";
import * as Stream from "effect/Stream";
import type { ParallelExecutor, Stats } from "./ParallelExecutor.ts";
export declare const stats: (executor: Pick<ParallelExecutor, "stats" | "awaitClosed">, options?: {
    readonly every?: Duration.Input | undefined;
}) => Stream.Stream<Stats>;

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
import * as gather from "./internal/gather.ts";
import type { Joiner } from "./Joiner.ts";
import type { Options } from "./Options.ts";
export interface FanOutOptions<in A, in E> extends Omit<Options<A, E>, "onFailure" | "onTimeout"> {
}
export declare const fanOut: <Eff extends Effect.Effect<any, any, any>, B, E2>(effects: Iterable<Eff>, joiner: Joiner<Effect.Success<Eff>, Effect.Error<Eff>, B, E2>, options?: FanOutOptions<Effect.Success<NoInfer<Eff>>, Effect.Error<NoInfer<Eff>>>) => Effect.Effect<B, E2, Effect.Services<Eff>>;
export declare const planOf: (where: string, options: FanOutOptions<never, never> | undefined) => gather.Plan;
export declare const either: (stop: gather.Plan["stop"], own: AbortSignal) => NonNullable<gather.Plan["stop"]>;

// ---- @skein/parallel/parallelGather ----------------------------------------------------------------------

import type * as GatherResult from "@skein/core/GatherResult";
import type * as Outcome from "@skein/core/Outcome";
import * as Effect from "effect/Effect";
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
import type * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";
import type { ItemOf, MapOptions, OnFailure, Source, SourceError, SourceServices } from "./Options.ts";
export interface StreamOptions<in T, in A, in E, F extends OnFailure = OnFailure> extends Omit<MapOptions<T, A, E, F>, "onTimeout"> {
    readonly order?: "completion" | "input" | undefined;
    readonly buffer?: number | undefined;
}
export declare const parallelStream: <Items extends Source<unknown>, A, E, R, F extends "isolate" | "interrupt" = "isolate">(items: Items, f: (item: ItemOf<Items>, index: number) => Effect.Effect<A, E, R>, options?: StreamOptions<ItemOf<Items>, NoInfer<A>, NoInfer<E>, F>) => Stream.Stream<Outcome.Outcome<A, E>, ("interrupt" extends F ? E : never) | SourceError<Items, A, E>, R | SourceServices<Items>>;
