/**
 * Structured concurrency on the fibers of one thread.
 *
 * @since 0.1.0
 */
export * as Deadline from "./Deadline.ts"
export * as GatherResult from "./GatherResult.ts"
export * as Limiter from "./Limiter.ts"
export * as Outcome from "./Outcome.ts"
export * as Progress from "./Progress.ts"
export * as Settings from "./Settings.ts"
export * as TaskGroup from "./TaskGroup.ts"
export * as TaskPump from "./TaskPump.ts"
