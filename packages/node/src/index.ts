/**
 * What needs Node: files, the terminal, signals.
 *
 * @since 0.1.0
 */
export * as ProgressLine from "./ProgressLine.ts"
export * as Signals from "./Signals.ts"
export * as TextFile from "./TextFile.ts"
