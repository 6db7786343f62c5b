// The public declarations of @skein/node, made by `pnpm api`. Not edited by hand.

// ---- @skein/node -----------------------------------------------------------------------------------------

export * as Command from "./Command.ts";
export * as OutputFile from "./OutputFile.ts";
export * as Processes from "./Processes.ts";
export * as ProcessTree from "./ProcessTree.ts";
export * as ProgressLine from "./ProgressLine.ts";
export * as ServedApp from "./ServedApp.ts";
export * as Signals from "./Signals.ts";
export * as SpawnHelper from "./SpawnHelper.ts";
export * as TextFile from "./TextFile.ts";
export * as Workers from "./Workers.ts";

// ---- @skein/node/Command ---------------------------------------------------------------------------------

import type * as Effect from "effect/Effect";
import * as CommandLine from "effect/process/CommandLine";
import type * as Scope from "effect/Scope";
import type { CommandError } from "./internal/command/failure.ts";
import { type Options } from "./internal/command/options.ts";
import { type Output } from "./internal/command/run.ts";
import { type Running } from "./internal/command/running.ts";
export { CommandError, FileFailed, Lost, NoDirectory, NoNamespace, NonZeroExit, NotFound, OutputTooLarge, PermissionDenied, type Reason, Signaled, SpawnFailed, StdinFailed, TimedOut } from "./internal/command/failure.ts";
export type { Options, Stdin, Stdout, StopStep } from "./internal/command/options.ts";
export type { Output } from "./internal/command/run.ts";
export type { Ended, Running } from "./internal/command/running.ts";
declare const TypeId = "~@skein/node/Command";
export type Word = CommandLine.Word;
export interface Command extends Effect.Effect<Output, CommandError> {
    readonly [TypeId]: typeof TypeId;
    readonly program: string;
    readonly args: ReadonlyArray<Word>;
    readonly options: Options;
}
export declare const make: (program: string, args?: ReadonlyArray<Word>, options?: Options) => Command;
export type Hole = CommandLine.TemplateExpression;
export declare const template: {
    (text: TemplateStringsArray, ...holes: ReadonlyArray<Hole>): Command;
    (options: Options): (text: TemplateStringsArray, ...holes: ReadonlyArray<Hole>) => Command;
};
export declare const start: (command: Command) => Effect.Effect<Running, CommandError, Scope.Scope>;
export declare const isCommand: (value: unknown) => value is Command;
export declare const display: (command: Command) => string;

// ---- @skein/node/CommandStream ---------------------------------------------------------------------------

import * as Stream from "effect/Stream";
import { type Command, type CommandError } from "./Command.ts";
export declare const bytes: (command: Command) => Stream.Stream<Uint8Array, CommandError>;
export declare const lines: (command: Command) => Stream.Stream<string, CommandError>;
export declare const through: (command: Command) => (<E, R>(self: Stream.Stream<string | Uint8Array, E, R>) => Stream.Stream<Uint8Array, CommandError | E, R>);

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

// ---- @skein/node/OutputFile ------------------------------------------------------------------------------

import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import type * as Command from "./Command.ts";
import type { OutputFileError } from "./internal/output/failure.ts";
import * as folder from "./internal/output/folder.ts";
import type { Target } from "./internal/output/tee.ts";
export { OutputFileError, type Reason } from "./internal/output/failure.ts";
export type { FileTail } from "./internal/output/folder.ts";
export type { Target } from "./internal/output/tee.ts";
export interface Options {
    readonly buffer?: number | undefined;
}
export interface OutputFile extends Target {
    readonly path: string;
    readonly size: number;
    readonly failure: OutputFileError | undefined;
    readonly write: (data: string | Uint8Array) => Effect.Effect<void>;
    readonly push: (data: string | Uint8Array) => void;
    readonly take: (data: string | Uint8Array) => boolean;
    readonly flush: Effect.Effect<void, OutputFileError>;
    readonly close: Effect.Effect<void>;
}
export declare const make: (path: string, options?: Options) => Effect.Effect<OutputFile, never, Scope.Scope>;
export declare const makeUnsafe: (path: string, options?: Options) => OutputFile;
export declare const run: (command: Command.Command, to: {
    readonly stdout?: Target | undefined;
    readonly stderr?: Target | undefined;
}) => Effect.Effect<Command.Output, Command.CommandError>;
export declare const folderName: (text: string) => string;
export declare const absolutePath: (path: string) => string;
export declare const makeFolder: (path: string) => Effect.Effect<void, OutputFileError>;
export declare const removeFolder: (path: string) => Effect.Effect<void, OutputFileError>;
export declare const moveAside: (path: string) => Effect.Effect<string | undefined, OutputFileError>;
export declare const listFolders: (path: string) => Effect.Effect<ReadonlyArray<string>, OutputFileError>;
export declare const readTail: (path: string, options?: {
    readonly bytes?: number | undefined;
}) => Effect.Effect<folder.FileTail, OutputFileError>;

// ---- @skein/node/ProcessTree -----------------------------------------------------------------------------

import * as Context from "effect/Context";
import type * as Duration from "effect/Duration";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type * as Scope from "effect/Scope";
export interface Options {
    readonly idle?: Duration.Input | undefined;
}
export interface ProcessTree {
    readonly branch: () => Branch;
}
export interface Branch {
    readonly variable: readonly [name: string, value: string];
    readonly lead: (group: number) => void;
    readonly signal: (signal: NodeJS.Signals, group?: number) => Effect.Effect<number>;
    readonly count: Effect.Effect<number>;
    readonly kill: (group?: number) => Effect.Effect<number>;
    readonly release: () => void;
}
export declare const make: (options?: Options) => Effect.Effect<ProcessTree, never, Scope.Scope>;
export declare const Current: Context.Reference<ProcessTree>;
export declare const layer: (options?: Options) => Layer.Layer<never>;

// ---- @skein/node/Processes -------------------------------------------------------------------------------

import * as Context from "effect/Context";
import * as Layer from "effect/Layer";
import type * as Flavour from "./Flavour.ts";
export interface Options extends Flavour.Options {
    readonly memory?: {
        readonly heap?: number | undefined;
    } | undefined;
    readonly stdout?: "inherit" | "stderr" | undefined;
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

// ---- @skein/node/ServedApp -------------------------------------------------------------------------------

import type * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import type { ServedAppError } from "./internal/served/failure.ts";
import { type Options } from "./internal/served/options.ts";
import { type Place, type ServedApp } from "./internal/served/run.ts";
export { Closed, Died, Late, NoPort, NotStarted, PortTaken, type Reason, ServedAppError } from "./internal/served/failure.ts";
export type { Options, Ready, Status } from "./internal/served/options.ts";
export type { Ended, Place, ServedApp } from "./internal/served/run.ts";
export declare const make: <E = never, R = never>(app: string | ((place: Place) => Effect.Effect<unknown, E, R>), options?: Options) => Effect.Effect<ServedApp, ServedAppError, R | Scope.Scope>;

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

// ---- @skein/node/SpawnHelper -----------------------------------------------------------------------------

import type * as Duration from "effect/Duration";
import type * as Layer from "effect/Layer";
export interface Options {
    readonly boot?: URL | undefined;
    readonly patience?: Duration.Input | undefined;
}
export declare const layer: (options?: Options) => Layer.Layer<never>;

// ---- @skein/node/SqliteClient ----------------------------------------------------------------------------

import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type * as Scope from "effect/Scope";
import * as SqlClient from "effect/sql/SqlClient";
import type { SqlError } from "effect/sql/SqlError";
import { type Options } from "./internal/sqlite/options.ts";
export type { Options } from "./internal/sqlite/options.ts";
export interface SqliteClient extends SqlClient.SqlClient {
    readonly backup: (path: string) => Effect.Effect<void, SqlError>;
    readonly export: Effect.Effect<Uint8Array, SqlError>;
    readonly updateValues: never;
}
export declare const SqliteClient: Context.Service<SqliteClient, SqliteClient>;
export declare const make: (options: Options) => Effect.Effect<SqliteClient, SqlError, Scope.Scope>;
export declare const layer: (options: Options) => Layer.Layer<SqliteClient | SqlClient.SqlClient, SqlError>;
export declare const codeOf: (error: SqlError) => string | undefined;

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

// ---- @skein/node/internal/command/failure ----------------------------------------------------------------

import * as Duration from "effect/Duration";
interface Tails {
    readonly stdout: string;
    readonly stderr: string;
}
interface Stopped {
    readonly ended: "signal" | "killed";
}
declare const NotFound_base: new <A extends Record<string, any> = {}>(args: import("effect/Types").VoidIfEmpty<{ readonly [P in keyof A as P extends "_tag" ? never : P]: A[P]; }>) => import("effect/Cause").YieldableError & {
    readonly _tag: "NotFound";
} & Readonly<A>;
export declare class NotFound extends NotFound_base<{
    readonly program: string;
    readonly message: string;
}> {
}
declare const NoDirectory_base: new <A extends Record<string, any> = {}>(args: import("effect/Types").VoidIfEmpty<{ readonly [P in keyof A as P extends "_tag" ? never : P]: A[P]; }>) => import("effect/Cause").YieldableError & {
    readonly _tag: "NoDirectory";
} & Readonly<A>;
export declare class NoDirectory extends NoDirectory_base<{
    readonly directory: string;
    readonly message: string;
}> {
}
declare const PermissionDenied_base: new <A extends Record<string, any> = {}>(args: import("effect/Types").VoidIfEmpty<{ readonly [P in keyof A as P extends "_tag" ? never : P]: A[P]; }>) => import("effect/Cause").YieldableError & {
    readonly _tag: "PermissionDenied";
} & Readonly<A>;
export declare class PermissionDenied extends PermissionDenied_base<{
    readonly path: string;
    readonly message: string;
}> {
}
declare const FileFailed_base: new <A extends Record<string, any> = {}>(args: import("effect/Types").VoidIfEmpty<{ readonly [P in keyof A as P extends "_tag" ? never : P]: A[P]; }>) => import("effect/Cause").YieldableError & {
    readonly _tag: "FileFailed";
} & Readonly<A>;
export declare class FileFailed extends FileFailed_base<{
    readonly of: "stdin" | "stdout" | "stderr" | "record";
    readonly path: string;
    readonly code: string;
    readonly message: string;
}> {
}
declare const NoNamespace_base: new <A extends Record<string, any> = {}>(args: import("effect/Types").VoidIfEmpty<{ readonly [P in keyof A as P extends "_tag" ? never : P]: A[P]; }>) => import("effect/Cause").YieldableError & {
    readonly _tag: "NoNamespace";
} & Readonly<A>;
export declare class NoNamespace extends NoNamespace_base<{
    readonly message: string;
}> {
}
declare const SpawnFailed_base: new <A extends Record<string, any> = {}>(args: import("effect/Types").VoidIfEmpty<{ readonly [P in keyof A as P extends "_tag" ? never : P]: A[P]; }>) => import("effect/Cause").YieldableError & {
    readonly _tag: "SpawnFailed";
} & Readonly<A>;
export declare class SpawnFailed extends SpawnFailed_base<{
    readonly code: string;
    readonly message: string;
}> {
}
declare const NonZeroExit_base: new <A extends Record<string, any> = {}>(args: import("effect/Types").VoidIfEmpty<{ readonly [P in keyof A as P extends "_tag" ? never : P]: A[P]; }>) => import("effect/Cause").YieldableError & {
    readonly _tag: "NonZeroExit";
} & Readonly<A>;
export declare class NonZeroExit extends NonZeroExit_base<{
    readonly code: number;
} & Tails> {
    get message(): string;
}
declare const Signaled_base: new <A extends Record<string, any> = {}>(args: import("effect/Types").VoidIfEmpty<{ readonly [P in keyof A as P extends "_tag" ? never : P]: A[P]; }>) => import("effect/Cause").YieldableError & {
    readonly _tag: "Signaled";
} & Readonly<A>;
export declare class Signaled extends Signaled_base<{
    readonly signal: NodeJS.Signals;
} & Tails> {
    get message(): string;
}
declare const TimedOut_base: new <A extends Record<string, any> = {}>(args: import("effect/Types").VoidIfEmpty<{ readonly [P in keyof A as P extends "_tag" ? never : P]: A[P]; }>) => import("effect/Cause").YieldableError & {
    readonly _tag: "TimedOut";
} & Readonly<A>;
export declare class TimedOut extends TimedOut_base<{
    readonly after: Duration.Duration;
} & Stopped & Tails> {
    get message(): string;
}
declare const OutputTooLarge_base: new <A extends Record<string, any> = {}>(args: import("effect/Types").VoidIfEmpty<{ readonly [P in keyof A as P extends "_tag" ? never : P]: A[P]; }>) => import("effect/Cause").YieldableError & {
    readonly _tag: "OutputTooLarge";
} & Readonly<A>;
export declare class OutputTooLarge extends OutputTooLarge_base<{
    readonly stream: "stdout" | "stderr";
    readonly maxBytes: number;
} & Stopped> {
    get message(): string;
}
declare const StdinFailed_base: new <A extends Record<string, any> = {}>(args: import("effect/Types").VoidIfEmpty<{ readonly [P in keyof A as P extends "_tag" ? never : P]: A[P]; }>) => import("effect/Cause").YieldableError & {
    readonly _tag: "StdinFailed";
} & Readonly<A>;
export declare class StdinFailed extends StdinFailed_base<{
    readonly cause: unknown;
} & Stopped> {
    get message(): string;
}
declare const Lost_base: new <A extends Record<string, any> = {}>(args: import("effect/Types").VoidIfEmpty<{ readonly [P in keyof A as P extends "_tag" ? never : P]: A[P]; }>) => import("effect/Cause").YieldableError & {
    readonly _tag: "Lost";
} & Readonly<A>;
export declare class Lost extends Lost_base<{
    readonly message: string;
}> {
}
export type Reason = NotFound | NoDirectory | PermissionDenied | FileFailed | NoNamespace | SpawnFailed | NonZeroExit | Signaled | TimedOut | OutputTooLarge | StdinFailed | Lost;
declare const CommandError_base: new <A extends Record<string, any> = {}>(args: import("effect/Types").VoidIfEmpty<{ readonly [P in keyof A as P extends "_tag" ? never : P]: A[P]; }>) => import("effect/Cause").YieldableError & {
    readonly _tag: "CommandError";
} & Readonly<A>;
export declare class CommandError extends CommandError_base<{
    readonly command: string;
    readonly reason: Reason;
}> {
    get message(): string;
}
export {};

// ---- @skein/node/internal/served/failure -----------------------------------------------------------------

import type * as Cause from "effect/Cause";
import * as Duration from "effect/Duration";
import type { CommandError } from "../command/failure.ts";
interface Tails {
    readonly stdout: string;
    readonly stderr: string;
}
declare const NotStarted_base: new <A extends Record<string, any> = {}>(args: import("effect/Types").VoidIfEmpty<{ readonly [P in keyof A as P extends "_tag" ? never : P]: A[P]; }>) => Cause.YieldableError & {
    readonly _tag: "NotStarted";
} & Readonly<A>;
export declare class NotStarted extends NotStarted_base<{
    readonly error: CommandError;
}> {
    get message(): string;
}
declare const Died_base: new <A extends Record<string, any> = {}>(args: import("effect/Types").VoidIfEmpty<{ readonly [P in keyof A as P extends "_tag" ? never : P]: A[P]; }>) => Cause.YieldableError & {
    readonly _tag: "Died";
} & Readonly<A>;
export declare class Died extends Died_base<{
    readonly when: "starting" | "serving";
    readonly exitCode: number | null;
    readonly signal: NodeJS.Signals | null;
    readonly cause: Cause.Cause<unknown> | undefined;
} & Tails> {
    get message(): string;
}
declare const Late_base: new <A extends Record<string, any> = {}>(args: import("effect/Types").VoidIfEmpty<{ readonly [P in keyof A as P extends "_tag" ? never : P]: A[P]; }>) => Cause.YieldableError & {
    readonly _tag: "Late";
} & Readonly<A>;
export declare class Late extends Late_base<{
    readonly after: Duration.Duration;
    readonly missing: string;
} & Tails> {
    get message(): string;
}
declare const PortTaken_base: new <A extends Record<string, any> = {}>(args: import("effect/Types").VoidIfEmpty<{ readonly [P in keyof A as P extends "_tag" ? never : P]: A[P]; }>) => Cause.YieldableError & {
    readonly _tag: "PortTaken";
} & Readonly<A>;
export declare class PortTaken extends PortTaken_base<{
    readonly ip: string;
    readonly port: number;
    readonly by: number | undefined;
}> {
    get message(): string;
}
declare const NoPort_base: new <A extends Record<string, any> = {}>(args: import("effect/Types").VoidIfEmpty<{ readonly [P in keyof A as P extends "_tag" ? never : P]: A[P]; }>) => Cause.YieldableError & {
    readonly _tag: "NoPort";
} & Readonly<A>;
export declare class NoPort extends NoPort_base<{
    readonly ip: string;
    readonly code: string;
}> {
    get message(): string;
}
declare const Closed_base: new <A extends Record<string, any> = {}>(args: import("effect/Types").VoidIfEmpty<{ readonly [P in keyof A as P extends "_tag" ? never : P]: A[P]; }>) => Cause.YieldableError & {
    readonly _tag: "Closed";
} & Readonly<A>;
export declare class Closed extends Closed_base<{}> {
    get message(): string;
}
export type Reason = NotStarted | Died | Late | PortTaken | NoPort | Closed;
declare const ServedAppError_base: new <A extends Record<string, any> = {}>(args: import("effect/Types").VoidIfEmpty<{ readonly [P in keyof A as P extends "_tag" ? never : P]: A[P]; }>) => Cause.YieldableError & {
    readonly _tag: "ServedAppError";
} & Readonly<A>;
export declare class ServedAppError extends ServedAppError_base<{
    readonly app: string;
    readonly reason: Reason;
}> {
    get message(): string;
}
export {};
