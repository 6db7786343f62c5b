/**
 * Fan out, fan in: bounded maps and gathers that keep what finished, joiners that decide early, executors and limits to share.
 *
 * Modules that need more of Effect than this are entries of their own: `@skein/parallel/parallelStream`, `@skein/parallel/ParallelExecutorStream`.
 *
 * @since 0.1.0
 */
export * from "./Options.ts"
export * as AdaptiveLimiter from "./AdaptiveLimiter.ts"
export * as AgentGather from "./AgentGather.ts"
export { fanOut, type FanOutOptions } from "./fanOut.ts"
export * as Hedge from "./Hedge.ts"
export * as Joiner from "./Joiner.ts"
export * as KeyedLimiter from "./KeyedLimiter.ts"
export * as ParallelExecutor from "./ParallelExecutor.ts"
export { type EffectsOf, type Outcomes, parallelGather } from "./parallelGather.ts"
export { parallelMap } from "./parallelMap.ts"
export * as TaskRunner from "./TaskRunner.ts"
export * as ThrottledLimiter from "./ThrottledLimiter.ts"
