// The public declarations of @skein/node, made by `pnpm api`. Not edited by hand.

// ---- @skein/node -----------------------------------------------------------------------------------------

export * as Processes from "./Processes.ts";
export * as ProgressLine from "./ProgressLine.ts";
export * as Signals from "./Signals.ts";
export * as TextFile from "./TextFile.ts";
export * as Workers from "./Workers.ts";

// ---- @skein/node/Flavour ---------------------------------------------------------------------------------

import type * as TaskRunner from "@skein/parallel/TaskRunner";
import type * as Duration from "effect/Duration";
import type * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
export interface Options {
    readonly size?: number | undefined;
    readonly concurrency?: number | undefined;
    readonly minimum?: number | undefined;
    readonly spare?: number | undefined;
    readonly idleTimeToLive?: Duration.Input | undefined;
    readonly recycle?: {
        readonly tasks?: number | undefined;
        readonly age?: Duration.Input | undefined;
        readonly heap?: number | undefined;
    } | undefined;
    readonly queue?: {
        readonly max: number;
        readonly onFull?: "wait" | "reject" | undefined;
    } | undefined;
    readonly readyTimeout?: Duration.Input | undefined;
    readonly grace?: Duration.Input | undefined;
    readonly retryLost?: number | undefined;
    readonly env?: Readonly<Record<string, string>> | undefined;
    readonly execArgv?: ReadonlyArray<string> | undefined;
    readonly boot?: URL | undefined;
    readonly onEvent?: ((event: Event) => void) | undefined;
}
export type Event = {
    readonly _tag: "Started";
    readonly worker: number;
} | {
    readonly _tag: "Crashed";
    readonly worker: number;
    readonly exitCode: number | null;
    readonly signal: string | null;
    readonly message: string | undefined;
}
 | {
    readonly _tag: "Killed";
    readonly worker: number;
    readonly why: string;
}
 | {
    readonly _tag: "Recycled";
    readonly worker: number;
    readonly why: "tasks" | "age" | "heap" | "dirty";
} | {
    readonly _tag: "Ended";
    readonly worker: number;
    readonly why: "idle" | "recycled" | "killed" | "closed" | "crashed";
}
 | {
    readonly _tag: "Stuck";
    readonly worker: number;
    readonly task: string | undefined;
};
export interface Stats {
    readonly starting: number;
    readonly busy: number;
    readonly idle: number;
    readonly spare: number;
    readonly leaving: number;
    readonly queued: number;
    readonly sent: number;
    readonly completed: number;
    readonly failed: number;
    readonly cancelled: number;
    readonly lost: number;
    readonly crashed: number;
    readonly recycled: number;
    readonly killed: number;
    readonly closed: boolean;
}
export interface Flavour {
    readonly runner: TaskRunner.TaskRunner;
    readonly stats: Effect.Effect<Stats>;
    readonly listen: (listener: (event: Event) => void) => Effect.Effect<void, never, Scope.Scope>;
}

// ---- @skein/node/FlavourStream ---------------------------------------------------------------------------

import * as Stream from "effect/Stream";
import type { Event, Flavour } from "./Flavour.ts";
export interface Options {
    readonly buffer?: number | undefined;
}
export declare const events: (flavour: Flavour, options?: Options) => Stream.Stream<Event>;

// ---- @skein/node/Processes -------------------------------------------------------------------------------

import * as Context from "effect/Context";
import * as Layer from "effect/Layer";
import type * as Flavour from "./Flavour.ts";
export interface Options extends Flavour.Options {
    readonly memory?: {
        readonly heap?: number | undefined;
    } | undefined;
}
export declare const Processes: Context.Service<Processes, Flavour.Flavour>;
export interface Processes {
    readonly _: unique symbol;
}
export declare const layer: (options?: Options) => Layer.Layer<Processes>;

// ---- @skein/node/ProgressLine ----------------------------------------------------------------------------

import * as Duration from "effect/Duration";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
export interface Output {
    readonly write: (text: string) => unknown;
    readonly isTTY?: boolean | undefined;
    readonly columns?: number | undefined;
    readonly hasColors?: (() => boolean) | undefined;
}
export interface Options {
    readonly total?: number | undefined;
    readonly unit?: string | undefined;
    readonly stream?: Output | undefined;
    readonly mode?: "auto" | "live" | "plain" | "off" | undefined;
    readonly every?: Duration.Input | undefined;
}
export interface Update {
    readonly done: number;
    readonly note?: string | undefined;
}
export interface ProgressLine {
    readonly update: (update: Update) => void;
    readonly log: (text: string) => Effect.Effect<void>;
}
export declare const make: (options?: Options) => Effect.Effect<ProgressLine, never, Scope.Scope>;

// ---- @skein/node/Signals ---------------------------------------------------------------------------------

import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
export type Signal = "SIGINT" | "SIGTERM" | "SIGHUP" | "SIGQUIT" | "SIGBREAK" | "SIGUSR1" | "SIGUSR2" | "SIGWINCH" | "SIGPIPE";
export interface Stop {
    readonly signal: AbortSignal;
    readonly await: Effect.Effect<Signal>;
    readonly received: () => Signal | undefined;
}
export interface StopOptions {
    readonly signals?: ReadonlyArray<Signal> | undefined;
    readonly onSecond?: "exit" | "ignore" | undefined;
    readonly onFirst?: ((signal: Signal) => void) | undefined;
}
export declare const stopOn: (options?: StopOptions) => Effect.Effect<Stop, never, Scope.Scope>;
export declare const exitCode: (signal: Signal) => number;

// ---- @skein/node/TextFile --------------------------------------------------------------------------------

import * as Effect from "effect/Effect";
export interface TextFile {
    readonly path: string;
    readonly bytes: Uint8Array;
    readonly text: string;
}
export interface ReadOptions {
    readonly maxBytes?: number | undefined;
}
declare const NotFound_base: new <A extends Record<string, any> = {}>(args: import("effect/Types").VoidIfEmpty<{ readonly [P in keyof A as P extends "_tag" ? never : P]: A[P]; }>) => import("effect/Cause").YieldableError & {
    readonly _tag: "NotFound";
} & Readonly<A>;
export declare class NotFound extends NotFound_base<{
    readonly message: string;
}> {
}
declare const Denied_base: new <A extends Record<string, any> = {}>(args: import("effect/Types").VoidIfEmpty<{ readonly [P in keyof A as P extends "_tag" ? never : P]: A[P]; }>) => import("effect/Cause").YieldableError & {
    readonly _tag: "Denied";
} & Readonly<A>;
export declare class Denied extends Denied_base<{
    readonly message: string;
    readonly code: string;
}> {
}
declare const NotAFile_base: new <A extends Record<string, any> = {}>(args: import("effect/Types").VoidIfEmpty<{ readonly [P in keyof A as P extends "_tag" ? never : P]: A[P]; }>) => import("effect/Cause").YieldableError & {
    readonly _tag: "NotAFile";
} & Readonly<A>;
export declare class NotAFile extends NotAFile_base<{
    readonly message: string;
    readonly kind: "directory" | "socket" | "device";
}> {
}
declare const Binary_base: new <A extends Record<string, any> = {}>(args: import("effect/Types").VoidIfEmpty<{ readonly [P in keyof A as P extends "_tag" ? never : P]: A[P]; }>) => import("effect/Cause").YieldableError & {
    readonly _tag: "Binary";
} & Readonly<A>;
export declare class Binary extends Binary_base<{
    readonly message: string;
}> {
}
declare const TooLarge_base: new <A extends Record<string, any> = {}>(args: import("effect/Types").VoidIfEmpty<{ readonly [P in keyof A as P extends "_tag" ? never : P]: A[P]; }>) => import("effect/Cause").YieldableError & {
    readonly _tag: "TooLarge";
} & Readonly<A>;
export declare class TooLarge extends TooLarge_base<{
    readonly message: string;
    readonly maxBytes: number;
}> {
}
declare const Busy_base: new <A extends Record<string, any> = {}>(args: import("effect/Types").VoidIfEmpty<{ readonly [P in keyof A as P extends "_tag" ? never : P]: A[P]; }>) => import("effect/Cause").YieldableError & {
    readonly _tag: "Busy";
} & Readonly<A>;
export declare class Busy extends Busy_base<{
    readonly message: string;
    readonly code: string;
}> {
}
declare const Unreadable_base: new <A extends Record<string, any> = {}>(args: import("effect/Types").VoidIfEmpty<{ readonly [P in keyof A as P extends "_tag" ? never : P]: A[P]; }>) => import("effect/Cause").YieldableError & {
    readonly _tag: "Unreadable";
} & Readonly<A>;
export declare class Unreadable extends Unreadable_base<{
    readonly message: string;
    readonly code: string;
    readonly cause: unknown;
}> {
}
export type Reason = NotFound | Denied | NotAFile | Binary | TooLarge | Busy | Unreadable;
declare const TextFileError_base: new <A extends Record<string, any> = {}>(args: import("effect/Types").VoidIfEmpty<{ readonly [P in keyof A as P extends "_tag" ? never : P]: A[P]; }>) => import("effect/Cause").YieldableError & {
    readonly _tag: "TextFileError";
} & Readonly<A>;
export declare class TextFileError extends TextFileError_base<{
    readonly path: string;
    readonly reason: Reason;
}> {
    get message(): string;
}
export declare const read: (path: string, options?: ReadOptions) => Effect.Effect<TextFile, TextFileError>;
export {};

// ---- @skein/node/Workers ---------------------------------------------------------------------------------

import * as Context from "effect/Context";
import * as Layer from "effect/Layer";
import type * as Flavour from "./Flavour.ts";
export interface Options extends Flavour.Options {
    readonly memory?: {
        readonly heap?: number | undefined;
        readonly stack?: number | undefined;
    } | undefined;
    readonly force?: "worker" | "call" | undefined;
}
export declare const Workers: Context.Service<Workers, Flavour.Flavour>;
export interface Workers {
    readonly _: unique symbol;
}
export declare const layer: (options?: Options) => Layer.Layer<Workers>;
