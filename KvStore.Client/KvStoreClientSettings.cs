using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using KvStore.Contracts;

namespace KvStore.Client;

/// <summary>How a client finds its store, and what it does unless a call says otherwise.</summary>
public sealed class KvStoreClientSettings
{
    private const string NoReflection = "Without reflection, options know the types that they were told of.";

    /// <summary>
    /// Where the store is: an address such as <c>http://localhost:9000</c>, that of a balancer or of any node; or
    /// <c>Endpoint=ADDRESS</c>; or <c>Endpoints=ADDRESS,ADDRESS,...</c>, the nodes themselves: then the client finds
    /// the node of each key by itself, which saves a hop.
    /// </summary>
    public string? ConnectionString { get; set; }

    /// <summary>The bucket that the client itself stands for.</summary>
    public string Bucket { get; set; } = BucketName.Default;

    /// <summary>How long all tries of a call may take together: more than 0, at most a minute.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// How long one try may take; the next one may go to another node. More than what a failover takes, or else a write
    /// is asked for twice for nothing.
    /// </summary>
    public TimeSpan AttemptTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// How often calls may be tried again: in the long run so many times for each call, from 0 to 1, beyond those of
    /// <see cref="RetryBurst"/>. Whatever has to be tried again beyond that waits, as long as its time is not over.
    /// </summary>
    public double RetryShare { get; set; } = 0.1;

    /// <summary>How many tries are free: so many at once, and as many again in ten seconds; 1 at least.</summary>
    public int RetryBurst { get; set; } = 100;

    /// <summary>
    /// What reads promise that say nothing else; null: as the bucket has it. With <see cref="Consistency.Session"/> the
    /// client is a session of its own: its reads of keys see what was written through it, and what its earlier reads of
    /// keys, batches and transactions saw.
    /// </summary>
    public Consistency? Consistency { get; set; }

    /// <summary>
    /// How values become JSON. With a <see cref="JsonSerializerOptions.TypeInfoResolver"/> made at build time nothing
    /// is looked up by reflection.
    /// </summary>
    public JsonSerializerOptions SerializerOptions { get; set; } = Web;

    /// <summary>Whether no health check is registered.</summary>
    public bool DisableHealthChecks { get; set; }

    /// <summary>Whether no traces are made.</summary>
    public bool DisableTracing { get; set; }

    /// <summary>Whether nothing is measured.</summary>
    public bool DisableMetrics { get; set; }

    /// <summary>The session of calls that have none of their own; null: there is none.</summary>
    internal KvSession? Session { get; private set; }

    private static JsonSerializerOptions Web
    {
        [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = NoReflection)]
        [UnconditionalSuppressMessage("AOT", "IL3050", Justification = NoReflection)]
        get => JsonSerializerOptions.Web;
    }

    /// <summary>What they are now, so that a client does not change when they do.</summary>
    /// <exception cref="ArgumentException">One has no valid value.</exception>
    internal KvStoreClientSettings Checked()
    {
        if (string.IsNullOrWhiteSpace(ConnectionString))
            throw new ArgumentException("No ConnectionString says where the store is.");
        if (!BucketName.IsValid(Bucket))
            throw new ArgumentException($"Bucket must be the name of a bucket, and is '{Bucket}'.");
        if (Timeout <= TimeSpan.Zero || Timeout > KvTimeout.Max)
            throw new ArgumentException($"Timeout must be more than 0 and at most a minute, and is {Timeout}.");
        if (AttemptTimeout <= TimeSpan.Zero || AttemptTimeout > KvTimeout.Max)
        {
            throw new ArgumentException(
                $"AttemptTimeout must be more than 0 and at most a minute, and is {AttemptTimeout}.");
        }

        if (!(RetryShare is >= 0 and <= 1))
            throw new ArgumentException($"RetryShare must be from 0 to 1, and is {RetryShare}.");
        if (RetryBurst < 1)
            throw new ArgumentException($"RetryBurst must be 1 at least, and is {RetryBurst}.");
        ArgumentNullException.ThrowIfNull(SerializerOptions);
        if (JsonSerializer.IsReflectionEnabledByDefault)
            Complete(SerializerOptions);
        else if (SerializerOptions.TypeInfoResolver is not null)
            SerializerOptions.MakeReadOnly();
        var own = (KvStoreClientSettings)MemberwiseClone();
        own.Session = Consistency is Contracts.Consistency.Session ? new KvSession() : null;
        return own;
    }

    /// <summary>Options that do not say where types are looked up find them by reflection, as always in JSON.</summary>
    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = NoReflection)]
    [UnconditionalSuppressMessage("AOT", "IL3050", Justification = NoReflection)]
    private static void Complete(JsonSerializerOptions options) => options.MakeReadOnly(populateMissingResolver: true);
}
