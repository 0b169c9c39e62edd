/**
 * The external HTTP door: request ids, API keys, roles, validation against contracts, problem documents, OpenAPI, limits. It holds no data and does no
 * work of its own: every route calls one service.
 */
export { createGateway, type Gateway, type GatewayDeps } from './gateway.ts';
