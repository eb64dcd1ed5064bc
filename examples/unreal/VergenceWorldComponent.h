// A world for Vergence inside an Unreal game: add this component to any actor, name the cameras and the people, press Play.
// UNTESTED AGAINST AN ENGINE: it shows what a plug-in has to do and compiles in nobody's build yet. What goes over the wire is
// in vergence_messages.h, and that is tested.
#pragma once

#include "Components/ActorComponent.h"
#include "CoreMinimal.h"

#include "vergence_messages.h"

#include "VergenceWorldComponent.generated.h"

UCLASS(ClassGroup = (Vergence), meta = (BlueprintSpawnableComponent))
class UVergenceWorldComponent : public UActorComponent {
    GENERATED_BODY()

public:
    UVergenceWorldComponent();

    UPROPERTY(EditAnywhere) FString Endpoint = TEXT("tcp://127.0.0.1:5555");
    UPROPERTY(EditAnywhere) TArray<class ASceneCapture2D*> Cameras; // the team, in order; each with a render target (RTF_RGBA8)
    UPROPERTY(EditAnywhere) TArray<class ASkeletalMeshActor*> People; // the target first
    UPROPERTY(EditAnywhere) float StepSeconds = 0.1f;
    UPROPERTY(EditAnywhere) FVector CameraLow = FVector(-650, -650, 90), CameraHigh = FVector(650, 650, 300); // cm
    UPROPERTY(EditAnywhere) FVector2D AreaLow = FVector2D(-500, -500), AreaHigh = FVector2D(500, 500);

    virtual void BeginPlay() override;
    virtual void EndPlay(const EEndPlayReason::Type Reason) override;
    virtual void TickComponent(float Delta, ELevelTick Type, FActorComponentTickFunction* Function) override;

private:
    bool Receive(vgm_request& Request);
    void Send(const TArray<TArray<uint8>>& Parts);
    void SendError(uint64 Sequence, uint32 Status, const char* Message);
    void SendWorld(const vgm_request& Request);
    void SendFrame(uint64 Sequence, uint32 Flags);
    void ReadPeople(vgm_frame& Frame);
    void SeePeople(vgm_frame& Frame);
    void Move(const vgm_request& Request);
    void StartCameras();

    void* Context = nullptr;
    void* Socket = nullptr;
    TArray<uint8> Client; // who asked last: ZeroMQ's identity
    bool Waiting = false; // a Step was taken; this tick's frame answers it
    uint64 WaitingSequence = 0, FrameId = 0;
    uint32 Pictures = 0;
    int64 TimeNs = 0;
    TArray<float> Truth, Keypoints;
    TArray<FTransform> Start;
};
