// The public declarations of @skein/parallel, made by `pnpm api`. Not edited by hand.

// ---- @skein/parallel -------------------------------------------------------------------------------------

export * from "./Options.ts";
export { type EffectsOf, type Outcomes, parallelGather } from "./parallelGather.ts";
export { parallelMap } from "./parallelMap.ts";

// ---- @skein/parallel/Options -----------------------------------------------------------------------------

import type * as GatherResult from "@skein/core/GatherResult";
import type * as Limiter from "@skein/core/Limiter";
import type * as Outcome from "@skein/core/Outcome";
import type * as Progress from "@skein/core/Progress";
import type * as Settings from "@skein/core/Settings";
import type * as Duration from "effect/Duration";
import type * as Effect from "effect/Effect";
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
export declare class SourceFailed<A, E> extends SourceFailed_base<{
    readonly cause: unknown;
    readonly partial: GatherResult.GatherResult<A, E, unknown>;
}> {
    get message(): string;
}
export {};

// ---- @skein/parallel/parallelGather ----------------------------------------------------------------------

import type * as GatherResult from "@skein/core/GatherResult";
import type * as Outcome from "@skein/core/Outcome";
import * as Effect from "effect/Effect";
import type { GatherTimeout, Options } from "./Options.ts";
type AnyEffect = Effect.Effect<any, any, any>;
type ErrorOf<Eff> = [Eff] extends [Effect.Effect<infer _A, infer E, infer _R>] ? E : never;
type Result<Eff, Outcomes> = GatherResult.GatherResult<Effect.Success<Eff>, ErrorOf<Eff>, Outcomes>;
type Errors<Eff, F, D> = ("interrupt" extends F ? ErrorOf<Eff> : never) | ("fail" extends D ? GatherTimeout<Effect.Success<Eff>, ErrorOf<Eff>> : never);
type OutcomeOf<Eff> = Eff extends Effect.Effect<infer A, infer E, infer _R> ? Outcome.Outcome<A, E> : never;
export type Outcomes<Input> = Input extends ReadonlyArray<AnyEffect> ? {
    readonly [K in keyof Input]: OutcomeOf<Input[K]>;
} : Input extends Iterable<infer Eff> ? ReadonlyArray<OutcomeOf<Eff>> : {
    readonly [K in keyof Input]: OutcomeOf<Input[K]>;
};
export type EffectsOf<Input> = Input extends Iterable<infer Eff> ? Eff : Input[keyof Input];
export declare const parallelGather: <const Input extends Iterable<AnyEffect> | Readonly<Record<string, AnyEffect>>, F extends "isolate" | "interrupt" = "isolate", D extends "partial" | "fail" = "partial">(effects: Input, options?: Options<Effect.Success<EffectsOf<NoInfer<Input>>>, ErrorOf<EffectsOf<NoInfer<Input>>>, F, D>) => Effect.Effect<Result<EffectsOf<Input>, Outcomes<Input>>, Errors<EffectsOf<Input>, F, D>, Effect.Services<EffectsOf<Input>>>;
export {};

// ---- @skein/parallel/parallelMap -------------------------------------------------------------------------

import type * as GatherResult from "@skein/core/GatherResult";
import type * as Effect from "effect/Effect";
import type { GatherTimeout, Options } from "./Options.ts";
export declare const parallelMap: <T, A, E, R, F extends "isolate" | "interrupt" = "isolate", D extends "partial" | "fail" = "partial">(items: Iterable<T>, f: (item: T, index: number) => Effect.Effect<A, E, R>, options?: Options<NoInfer<A>, NoInfer<E>, F, D>) => Effect.Effect<GatherResult.GatherResult<A, E>, ("interrupt" extends F ? E : never) | ("fail" extends D ? GatherTimeout<A, E> : never), R>;
