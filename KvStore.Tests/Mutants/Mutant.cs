namespace KvStore.Tests.Mutants;

/// <summary>A piece of a source file, there exactly once, and what shall stand in its place.</summary>
internal sealed record Change(string File, string Text, string With);

/// <summary>
/// The code with one law broken. It is found out in a world of a kind, at the seed that is recorded here.
/// </summary>
/// <param name="Law">Its number, or the fault that it is about.</param>
/// <param name="Name">What the broken code does, as a sentence about it.</param>
/// <param name="World">The kind of world, or of harm to a disk.</param>
/// <param name="Seed">A seed that shows it.</param>
/// <param name="Changes">What to change.</param>
internal sealed record Mutant(string Law, string Name, string World, int Seed, params Change[] Changes)
{
    public override string ToString() => $"{Law}: {Name}";
}
