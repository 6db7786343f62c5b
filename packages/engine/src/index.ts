/**
 * Jobs with dependencies, conditions, limits and schedules, in memory or in a store that survives a crash.
 *
 * @since 0.1.0
 */
export * as Condition from "./Condition.ts"
export * as Engine from "./Engine.ts"
export * as Graph from "./Graph.ts"
export * as Job from "./Job.ts"
export * as JobOutput from "./JobOutput.ts"
export * as JobSchedule from "./JobSchedule.ts"
export * as JobStore from "./JobStore.ts"
export * as Launcher from "./Launcher.ts"
export * as Sentinel from "./Sentinel.ts"
export * as StoredJob from "./StoredJob.ts"
