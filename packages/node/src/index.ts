/**
 * What needs Node: worker threads and processes for portable tasks, files, the terminal, signals.
 *
 * @since 0.1.0
 */
export * as Processes from "./Processes.ts"
export * as ProgressLine from "./ProgressLine.ts"
export * as Signals from "./Signals.ts"
export * as TextFile from "./TextFile.ts"
export * as Workers from "./Workers.ts"
