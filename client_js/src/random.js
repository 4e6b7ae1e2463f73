// SPDX-License-Identifier: Apache-2.0
export const randomBytes = (count) => crypto.getRandomValues(new Uint8Array(count));
