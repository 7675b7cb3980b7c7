import protobuf from 'protobufjs'

/** OTLP logs as the project's own .proto files have them, for an encoder that is none of ours. */
const SCHEMA = `syntax = "proto3";
message Request { repeated ResourceLogs resource_logs = 1; }
message ResourceLogs { Resource resource = 1; repeated ScopeLogs scope_logs = 2; string schema_url = 3; }
message ScopeLogs { Scope scope = 1; repeated LogRecord log_records = 2; string schema_url = 3; }
message Resource { repeated KeyValue attributes = 1; uint32 dropped_attributes_count = 2; }
message Scope { string name = 1; string version = 2; repeated KeyValue attributes = 3; }
message LogRecord {
  fixed64 time_unix_nano = 1; fixed64 observed_time_unix_nano = 11; int32 severity_number = 2; string severity_text = 3;
  AnyValue body = 5; repeated KeyValue attributes = 6; uint32 dropped_attributes_count = 7; fixed32 flags = 8;
  bytes trace_id = 9; bytes span_id = 10; string event_name = 12;
}
message KeyValue { string key = 1; AnyValue value = 2; }
message AnyValue { oneof value {
  string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4;
  ArrayValue array_value = 5; KeyValueList kvlist_value = 6; bytes bytes_value = 7;
} }
message ArrayValue { repeated AnyValue values = 1; }
message KeyValueList { repeated KeyValue values = 1; }
message Response { Partial partial_success = 1; }
message Partial { int64 rejected_log_records = 1; string error_message = 2; }
message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
message Any { string type_url = 1; bytes value = 2; }
message RetryInfo { Duration retry_delay = 1; }
message Duration { int64 seconds = 1; int32 nanos = 2; }
`

const root = protobuf.parse(SCHEMA).root

/** A request in OTLP/JSON, in protobuf: ids are hex there, which protobuf's own JSON is not. */
export function protobufOf(request: unknown): Buffer {
  const Request = root.lookupType('Request')
  const withBytes = JSON.stringify(request, (key, value: unknown) =>
    (key === 'traceId' || key === 'spanId') && typeof value === 'string'
      ? Buffer.from(value, 'hex').toString('base64')
      : value,
  )
  return Buffer.from(Request.encode(Request.fromObject(JSON.parse(withBytes) as object)).finish())
}

export function decoded(type: 'Request' | 'Response' | 'Status' | 'RetryInfo', bytes: Uint8Array): unknown {
  const found = root.lookupType(type)
  return found.toObject(found.decode(bytes), { longs: String, bytes: String })
}

export function attribute(key: string, text: string): object {
  return { key, value: { stringValue: text } }
}

export interface SomeLog {
  readonly body?: string
  readonly eventName?: string
  readonly attributes?: readonly object[]
  readonly nanos?: string
}

/** One resource, one scope, these records. */
export function logs(
  records: readonly SomeLog[],
  resource: readonly object[] = [attribute('service.name', 'shop')],
): object {
  const logRecords = records.map(({ body, eventName, attributes = [], nanos = '1795183402125000000' }) => ({
    timeUnixNano: nanos,
    observedTimeUnixNano: nanos,
    ...(body !== undefined && { body: { stringValue: body } }),
    ...(eventName !== undefined && { eventName }),
    attributes,
  }))
  return {
    resourceLogs: [{ resource: { attributes: resource }, scopeLogs: [{ scope: { name: 'shop.audit' }, logRecords }] }],
  }
}
