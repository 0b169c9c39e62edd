/** What every room may use and what knows no room: errors, ids, clock, hashing, canonical JSON, small helpers. */
export { ChartlyError, asChartlyError, errorCodes, type ErrorDetail } from './errors.ts';
export { newUuid, shortId } from './ids.ts';
export { sha256Hex, merkleRoot, leafHash } from './hash.ts';
export { canonicalJson } from './canonical-json.ts';
export { type Clock, systemClock, isoMs } from './clock.ts';
export { type Logger, type LogFields, silentLogger } from './logger.ts';
export { type RequestContext } from './context.ts';
export { seal, unseal } from './seal.ts';
export { callContext, withCallContext, type CallContext } from './call-context.ts';
export { check, contextCheck, type Check } from './rpc-checks.ts';
export { rpcService, type RpcService } from './rpc-call.ts';
export { createRpcClient, type RpcClient, type RpcClientDeps } from './rpc-client.ts';
export { type Handle } from './rpc-codec.ts';
export { longMs, type MethodRule, type MethodTable } from './rpc-methods.ts';
export { createRpcServer, type Probes, type RpcServer } from './rpc-server.ts';
export {
  addDecimals,
  compareDecimals,
  decimalParts,
  plainDecimal,
  plainInt64,
  survivesDouble,
} from './exact-number.ts';
export {
  type Pattern,
  PatternError,
  compilePattern,
  patternsTooCostly,
  quoted,
  spend,
  tooCostlyMessage,
} from './pattern.ts';
export { type Selection, SelectionError, compileSelection } from './select-query.ts';
