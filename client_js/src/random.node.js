// SPDX-License-Identifier: Apache-2.0
// Node 18 has no global `crypto`.
export { randomBytes } from 'node:crypto';
