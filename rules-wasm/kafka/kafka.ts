// SPDX-License-Identifier: Apache-2.0
// Kafka as its brokers and its clients see it (https://kafka.apache.org/protocol). A request says its API,
// the API's version and a number, by which its answer is known. An operation is a request that is
// answered, by its API's name. Without acknowledgements a Produce has no answer, so it is none.
//
//   request  length 4   API 2   version 2   number 4   client 2 + ...       answer  length 4   number 4   ...
//
//   const BROKERS = new Kafka();
//   ... for (let i = 0, n = BROKERS.saw(e); i < n; i++) DURATION.label(BROKERS.operation(i)) ...
import { Lengths } from "../connection/sized";
import { SizedProtocol } from "../connection/sized-protocol";
import { named, OTHER } from "../connection/words";
import { u16At, u32At } from "../network-order";
import { errorIn } from "./errors";

// @ts-ignore: decorator
@lazy const APIS = named(
  "0 Produce 1 Fetch 2 ListOffsets 3 Metadata 4 LeaderAndIsr 5 StopReplica 6 UpdateMetadata 7 ControlledShutdown 8 OffsetCommit " +
  "9 OffsetFetch 10 FindCoordinator 11 JoinGroup 12 Heartbeat 13 LeaveGroup 14 SyncGroup 15 DescribeGroups 16 ListGroups " +
  "17 SaslHandshake 18 ApiVersions 19 CreateTopics 20 DeleteTopics 21 DeleteRecords 22 InitProducerId 23 OffsetForLeaderEpoch " +
  "24 AddPartitionsToTxn 25 AddOffsetsToTxn 26 EndTxn 27 WriteTxnMarkers 28 TxnOffsetCommit 29 DescribeAcls 30 CreateAcls " +
  "31 DeleteAcls 32 DescribeConfigs 33 AlterConfigs 34 AlterReplicaLogDirs 35 DescribeLogDirs 36 SaslAuthenticate " +
  "37 CreatePartitions 38 CreateDelegationToken 39 RenewDelegationToken 40 ExpireDelegationToken 41 DescribeDelegationToken " +
  "42 DeleteGroups 43 ElectLeaders 44 IncrementalAlterConfigs 45 AlterPartitionReassignments 46 ListPartitionReassignments " +
  "47 OffsetDelete 48 DescribeClientQuotas 49 AlterClientQuotas 50 DescribeUserScramCredentials 51 AlterUserScramCredentials " +
  "52 Vote 53 BeginQuorumEpoch 54 EndQuorumEpoch 55 DescribeQuorum 56 AlterPartition 57 UpdateFeatures 58 Envelope " +
  "59 FetchSnapshot 60 DescribeCluster 61 DescribeProducers 62 BrokerRegistration 63 BrokerHeartbeat 64 UnregisterBroker " +
  "65 DescribeTransactions 66 ListTransactions 67 AllocateProducerIds 68 ConsumerGroupHeartbeat 69 ConsumerGroupDescribe " +
  "70 ControllerRegistration 71 GetTelemetrySubscriptions 72 PushTelemetry 73 AssignReplicasToDirs 74 ListConfigResources " +
  "75 DescribeTopicPartitions 76 ShareGroupHeartbeat 77 ShareGroupDescribe 78 ShareFetch 79 ShareAcknowledge",
);

/** Bytes of a request up to its client's name, and of an answer up to its body. */
const REQUEST_HEADER: u32 = 14;
const ANSWER_HEADER: u32 = 8;
const API_MAX: u32 = 127;
const VERSION_MAX: u32 = 31;
const SASL_HANDSHAKE: u32 = 17;
/** Above an API's version. */
const API: u32 = 16;
const MESSAGE_MAX: u32 = 1 << 28;

// @ts-ignore: decorator
@lazy const LENGTHS = new Lengths(true, 4, ANSWER_HEADER, MESSAGE_MAX);

/** Connections of all brokers that a policy sees. One is made at the top of a file. */
export class Kafka extends SizedProtocol {
  /** How many connections and requests underway are known; the oldest go. */
  constructor(connections: u32 = 1024, underway: u32 = 4096) {
    super(connections, underway, 0, LENGTHS, REQUEST_HEADER);
  }

  /** Of an operation that is finished, by its number in the answer: `Fetch`. */
  operation(i: i32): string {
    const api = this.nameOf(i) >> API;
    return APIS.has(api) ? APIS.get(api) : OTHER;
  }

  /** The number of the error that answered it; 0: none was seen. */
  error(i: i32): i32 {
    return <i32>(<i16>this.errorOf(i));
  }

  /** Whether it is the number of an error that Kafka has. */
  isListed(i: i32): bool {
    return this.error(i) >= -1 && this.error(i) < 200;
  }

  protected isRequest(from: usize, size: u32): bool {
    if (size < REQUEST_HEADER) return false;
    const whole = LENGTHS.of(from), client = <i32>(<i16>u16At(from + 12));
    if (whole < REQUEST_HEADER || u16At(from + 4) > API_MAX || u16At(from + 6) > VERSION_MAX) return false;
    return client >= -1 && client <= <i32>(whole - REQUEST_HEADER);
  }

  protected take(c: usize, from: usize, size: u32): void {
    if (size < REQUEST_HEADER && LENGTHS.of(from) > size) return this.miss(c);
    if (!this.isRequest(from, size)) return this.beOther(c);
    const api = u16At(from + 4), version = u16At(from + 6);
    if (api == SASL_HANDSHAKE && version == 0) return this.beOther(c); // tokens follow that are no messages
    if (this.isWaiting(c)) this.pipeline(c);
    this.wait(c, (api << API) | version, u32At(from + 8));
  }

  protected hear(c: usize, from: usize, size: u32): void {
    if (size < ANSWER_HEADER) return this.miss(c);
    if (!this.isAnswerTo(c, u32At(from + 4))) return this.doubt(c);
    const name = this.waitingName(c);
    this.tell(c, name, errorIn(from + ANSWER_HEADER, size - ANSWER_HEADER, name >> API, name & 0xffff));
    this.answered(c);
  }
}
