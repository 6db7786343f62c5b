/**
 * What needs Node: worker threads and processes for portable tasks, programs and servers, files, the terminal, signals.
 *
 * @since 0.1.0
 */
export * as Command from "./Command.ts"
export * as OutputFile from "./OutputFile.ts"
export * as Processes from "./Processes.ts"
export * as ProcessTree from "./ProcessTree.ts"
export * as ProgressLine from "./ProgressLine.ts"
export * as ServedApp from "./ServedApp.ts"
export * as Signals from "./Signals.ts"
export * as SpawnHelper from "./SpawnHelper.ts"
export * as TextFile from "./TextFile.ts"
export * as Workers from "./Workers.ts"
