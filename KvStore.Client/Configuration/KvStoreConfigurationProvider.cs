using System.Threading.Channels;
using Microsoft.Extensions.Configuration;

namespace KvStore.Client.Configuration;

/// <summary>
/// Reads the settings, and reads them again whenever a watch tells of a change. A watch begins where the bucket stood
/// before it was read, so nothing is missed in between; where it cannot go on, the settings are read anew.
/// </summary>
internal sealed class KvStoreConfigurationProvider : ConfigurationProvider, IDisposable
{
    private static readonly TimeSpan ShortestPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(15);

    private readonly KvStoreConfigurationSource _source;
    private readonly KvStoreClient _client;
    private readonly string _prefix;
    private readonly SemaphoreSlim _reading = new(1);
    private readonly CancellationTokenSource _disposed = new();
    private Task? _following;
    private bool _isDisposed;

    public KvStoreConfigurationProvider(KvStoreConfigurationSource source)
    {
        _source = source;
        _prefix = source.Prefix.Length == 0 || source.Prefix.EndsWith('/') ? source.Prefix : source.Prefix + '/';
        _client = new KvStoreClient(new KvStoreClientSettings
        {
            ConnectionString = source.ConnectionString,
            Bucket = source.Bucket,
        });
    }

    /// <summary>Completes when nothing is followed any more.</summary>
    internal Task Following => _following ?? Task.CompletedTask;

    /// <summary>Reads the settings, and the first time begins to follow them.</summary>
    /// <exception cref="InvalidOperationException">They cannot be read, and are not optional.</exception>
    public override void Load()
    {
        string? since = null;
        try
        {
            (since, _) = ReadAsync(_source.LoadTimeout, _disposed.Token).GetAwaiter().GetResult();
        }
        catch (Exception failure) when (failure is not OperationCanceledException)
        {
            if (_following is null && !_source.Optional)
            {
                throw new InvalidOperationException(
                    $"The configuration under '{_prefix}' in the bucket '{_source.Bucket}' cannot be read, and is not "
                        + $"optional. {failure.Message}",
                    failure);
            }

            _source.OnFailure?.Invoke(failure);
        }

        using (ExecutionContext.SuppressFlow())    // it outlives what the caller is doing, and is no part of it
            _following ??= Task.Run(() => FollowAsync(since));
    }

    /// <summary>Ends the following; nothing is told any more.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, true))
            return;
        _disposed.Cancel();
        _ = EndAsync();    // whoever disposes may be one who is being told of a change
    }

    /// <inheritdoc/>
    public override string ToString() => $"{nameof(KvStoreConfigurationProvider)} for '{_prefix}' in '{_client.Name}'";

    private async Task EndAsync()
    {
        await Following.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _client.Dispose();
    }

    /// <summary>Reads and watches until it is disposed, whatever fails.</summary>
    private async Task FollowAsync(string? since)
    {
        var pause = ShortestPause;
        while (!_disposed.IsCancellationRequested)
        {
            try
            {
                since ??= await ReloadAsync().ConfigureAwait(false);
                pause = ShortestPause;
                await WatchAsync(since).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (_disposed.IsCancellationRequested)
            {
                return;
            }
            catch (Exception failure)    // whoever answers may be no store at all, for a while
            {
                Tell(failure);
            }

            since = null;
            await Task.Delay(pause, _disposed.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }

    /// <summary>Reads anew at each change; changes that come while it reads are one.</summary>
    private async Task WatchAsync(string since)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(_disposed.Token);
        var changed = Channel.CreateBounded<bool>(
            new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true });
        var watching = TellAsync(since, changed.Writer, ended.Token);
        try
        {
            await foreach (var _ in changed.Reader.ReadAllAsync(ended.Token).ConfigureAwait(false))
                await ReloadAsync().ConfigureAwait(false);
        }
        finally
        {
            await ended.CancelAsync().ConfigureAwait(false);
            await watching.ConfigureAwait(false);
        }
    }

    private async Task TellAsync(string since, ChannelWriter<bool> changed, CancellationToken cancellation)
    {
        try
        {
            var options = new KvWatchOptions { Since = since, HasValues = false, OnAway = Tell };
            var changes = _client.WatchAsync<string>(_prefix, options, cancellation);
            await foreach (var _ in changes.ConfigureAwait(false))
                changed.TryWrite(true);
            changed.Complete();
        }
        catch (Exception failure)
        {
            changed.Complete(failure);
        }
    }

    /// <summary>Reads the settings and tells of it where they have changed.</summary>
    /// <returns>Since when to watch.</returns>
    private async Task<string> ReloadAsync()
    {
        var (since, hasChanged) = await ReadAsync(null, _disposed.Token).ConfigureAwait(false);
        if (!hasChanged)
            return since;
        try
        {
            OnReload();
        }
        catch (Exception failure)
        {
            Tell(failure);    // somebody who was told of the change
        }

        return since;
    }

    /// <summary>Tells of a failure; whoever is told may fail, too.</summary>
    private void Tell(Exception failure)
    {
        try
        {
            _source.OnFailure?.Invoke(failure);
        }
        catch (Exception)
        {
            // There is nobody else to tell, and the settings are followed all the same.
        }
    }

    /// <summary>Reads the settings, one reading after the other.</summary>
    /// <param name="timeout">How long each request may take; null: as long as the client tries.</param>
    /// <param name="cancellation">Ends it.</param>
    private async Task<(string Since, bool HasChanged)> ReadAsync(TimeSpan? timeout, CancellationToken cancellation)
    {
        await _reading.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            var since = await _client.CursorWithinAsync(timeout ?? _client.Patience, cancellation)
                .ConfigureAwait(false);
            var options = new KvListOptions { Timeout = timeout };
            var read = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
            await foreach (var entry in _client.ListAsync<string>(_prefix, options, cancellation).ConfigureAwait(false))
            {
                var name = entry.Key[_prefix.Length..].Replace('/', ':');
                if (name.Length > 0)
                    SettingValues.Add(read, name, entry.Value, entry.ContentType, _source.FlattensJson);
            }

            var hasChanged = read.Count != Data.Count
                || read.Any(setting => !Data.TryGetValue(setting.Key, out var known) || known != setting.Value);
            if (hasChanged)
                Data = read;
            return (since, hasChanged);
        }
        finally
        {
            _reading.Release();
        }
    }
}
