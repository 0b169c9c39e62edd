/**
 * Puts the rooms together: reads configuration, composes services, serves them, runs the demo, opens a system for a command.
 */
export { readConfig, type Config, type LogLevel } from './config.ts';
export { compose, type System } from './compose.ts';
export { everyRole, isWhole, parseRoles, type Role } from './roles.ts';
export { serve, serveRoles, type Serving, type ServingRoles } from './serve.ts';
export { openSystem, type OpenedSystem, type OpenOptions } from './open-system.ts';
export { runDemo, type DemoEvent, type DemoOptions, type DemoResult } from './demo.ts';
export { startDemoUpstream } from './demo-upstream.ts';
export { draftWorkspace } from './draft-workspace.ts';
export { editedSpec, editProfileFile, editWorkspaceProfile } from './edit-profile.ts';
export { testProfiles } from './profile-fixtures.ts';
export { readProfile } from './read-profile.ts';
export { readWorkspace } from './workspace.ts';
export { version } from './version.ts';
export { setMemoryFlags } from './memory-flags.ts';
