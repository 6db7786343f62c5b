import workerpool from "workerpool"
import { nap } from "./nap.ts"
workerpool.worker({ nap })
