import { pino, type Logger as Pino } from 'pino';
import { isoMs, type LogFields, type Logger } from '#kit';
import { redactFields, redactText } from './redact.ts';
import type { ObserverOptions } from './index.ts';

/** Names that the contract telemetry/log gives a meaning; a field may not take their place. */
const reserved: ReadonlySet<string> = new Set(['ts', 'level', 'service', 'env', 'msg']);

/** JSON lines by the contract telemetry/log; `tenant_id`, `request_id`, `job_id` and `source_id` are null when unknown. */
export function createLogger({ env, level, destination }: ObserverOptions): Logger {
  const root = pino(
    {
      level,
      base: null,
      messageKey: 'msg',
      timestamp: () => `,"ts":"${isoMs(Date.now())}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination ?? pino.destination({ dest: 2, sync: true }),
  );
  return serviceLogger(root, env, 'chartly');
}

function serviceLogger(root: Pino, env: string, service: string): Logger {
  const write = (level: 'debug' | 'info' | 'warn' | 'error') => {
    return (message: string, fields?: LogFields): void => {
      if (root.isLevelEnabled(level)) root[level](lineFields(env, service, fields), redactText(message));
    };
  };
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: (name) => serviceLogger(root, env, name),
  };
}

function lineFields(env: string, service: string, fields: LogFields = {}): Record<string, unknown> {
  const line: Record<string, unknown> = {
    service,
    env,
    tenant_id: null,
    request_id: null,
    job_id: null,
    source_id: null,
  };
  for (const [name, value] of Object.entries(redactFields(fields))) {
    // A clash keeps the field's value under another name, so that nothing an operator needs is lost.
    line[reserved.has(name) ? `field_${name}` : name] = value;
  }
  return line;
}
