import { parallelMap } from "@skein/parallel/parallelMap"
import * as Effect from "effect/Effect"
import pMap from "p-map"
const n = 100000, input = Array.from({length:n},(_,i)=>i), concurrency=16
const work = async (i: number) => i+1
const promise = (i: number) => Effect.promise(() => work(i))
const s: any = {
  pm: () => Effect.runPromise(parallelMap(input, promise, { concurrency })),
  pmap: () => pMap(input, work, { concurrency }),
  fe: () => Effect.runPromise(Effect.forEach(input, promise, { concurrency })),
}
const names = process.argv[2]!.split(",")
const out: any = {}
for (let r=0;r<12;r++) for (const k of names) { globalThis.gc?.(); const t=performance.now(), c=process.threadCpuUsage().user+process.threadCpuUsage().system; await s[k](); if(r>2)(out[k]??=[]).push([(performance.now()-t)*1e6/n, (process.threadCpuUsage().user+process.threadCpuUsage().system-c)*1e3/n]) }
for (const k of names) { const med=(x:number[])=>x.sort((a,b)=>a-b)[x.length>>1]!; console.log(k, "wall", med(out[k].map((x:any)=>x[0])).toFixed(0), "cpu", med(out[k].map((x:any)=>x[1])).toFixed(0)) }
