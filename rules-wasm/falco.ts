// SPDX-License-Identifier: Apache-2.0
// Falco's fields as `vedette falco` reads them, where they are more than a slot of an event:
// `import { cmdline } from "vedette/falco"`. `vedette policy new --from` writes policies that use them. A
// text that has to be put together stands in one place for each function: it is good until that function is
// asked again, so no traffic can use up memory by that.
export { cmdline, exeline, joinedArgs, joinedEnv, cwdWithSlash, durationOf, loginUid, ownerName, isFirstProcess } from "./falco/process";
export { directory, fileName, fdType, typeChar, l4proto, sockFamily, clientPort, serverPort, localPort, remotePort } from "./falco/descriptor";
export { containerId, containerFullId, containerName, containerType, containerImage, containerImageId, containerRepository, containerTag, containerDigest, containerIp, containerLabel } from "./falco/container";
export { questionName, questionType } from "./falco/dns";
export { pathFrom, pathFromDirectory } from "./falco/path";
export { containsAnyCase, isIn, isKnown, opensToRead, opensToWrite, PathPrefixes } from "./falco/compare";
