using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace KvStore.Cli.Dev;

/// <summary>Something that happened to a cluster; one line of JSON.</summary>
internal sealed record DevEvent
{
    /// <summary><c>telemetry</c>, <c>started</c>, <c>ready</c>, <c>waiting</c> or <c>exited</c>.</summary>
    public required string Event { get; init; }

    /// <summary>Of which program; absent when it is about the cluster.</summary>
    public string? Name { get; init; }

    /// <summary>The number the system knows the process by.</summary>
    public int? Pid { get; init; }

    /// <summary>How it ended: 0 after an orderly end, 137 when it was killed.</summary>
    public int? Code { get; init; }

    /// <summary>Where it answers; of telemetry, where that goes.</summary>
    public string? Url { get; init; }

    /// <summary>Why, in the program's own words; of telemetry, the protocol.</summary>
    public string? Detail { get; init; }

    public static DevEvent Telemetry(OtlpTarget target) =>
        new() { Event = "telemetry", Url = target.Url, Detail = target.Protocol };

    public static DevEvent Started(string name, int pid, string url) =>
        new() { Event = "started", Name = name, Pid = pid, Url = url };

    public static DevEvent Ready(string url) => new() { Event = "ready", Url = url };

    public static DevEvent Waiting(string detail) => new() { Event = "waiting", Detail = detail };

    public static DevEvent Exited(string name, int code, string? detail) =>
        new() { Event = "exited", Name = name, Code = code, Detail = detail };
}

/// <summary>How events are written: camelCase, absent rather than null, one line each.</summary>
[JsonSerializable(typeof(DevEvent))]
internal sealed partial class DevJson : JsonSerializerContext
{
    /// <summary>Quotes and letters beyond ASCII need no escape in a log.</summary>
    public static DevJson Lines { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}
